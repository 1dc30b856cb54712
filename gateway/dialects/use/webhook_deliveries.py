"""Deliveries: what was sent to a webhook, what came of it, and sending it once more."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.names import bare
from gateway.dialects.use.ids import DELIVERY, EVENT, WEBHOOK, DeliveryId, EventId, WebhookId
from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.endpoint import Call, Endpoint
from gateway.wire import moment
from shared.contracts import webhooks
from shared.contracts.modes import Mode
from shared.contracts.webhooks import State, Topic

Since = Annotated[
    datetime, Meta(tz=True, description="Only what was made then or later.", examples=["2026-01-31T09:00:00Z"])
]
Until = Annotated[
    datetime, Meta(tz=True, description="Only what was made before then.", examples=["2026-02-01T00:00:00Z"])
]


class DeliveriesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    state: Annotated[State | None, Meta(examples=["failed"])] = None
    event: Annotated[Topic | None, Meta(examples=["link.created"])] = None
    since: Since | None = None
    until: Until | None = None


class Recover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    since: Since


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    recovered: Annotated[int, Meta(ge=0, description="Deliveries that are pending again.", examples=[12])]


class AttemptBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: Annotated[int, Meta(ge=1, description="From 1; those of a redelivery go on counting.", examples=[1])]
    at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    duration_ms: Annotated[int, Meta(ge=0, description="How long it took, in milliseconds.", examples=[84])]
    status_code: Annotated[int | None, Meta(description="Of the answer; `null`: there was none.", examples=[200])]
    error: Annotated[str | None, Meta(description="Why there was no answer.")]
    response: Annotated[str, Meta(description="The first 4 KiB of the answer's body.", examples=["OK"])]


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    event: Annotated[Topic, Meta(examples=["link.created"])]
    state: Annotated[
        State,
        Meta(
            description="`pending`: to be sent, or tried again; `delivered`: answered with 2xx; `failed`: no further "
            "attempt is made; `dropped`: never sent, because too many were waiting.",
            examples=["delivered"],
        ),
    ]
    attempt_count: Annotated[int, Meta(ge=0, examples=[1])]
    last_status_code: Annotated[int | None, Meta(description="Of the last attempt's answer.", examples=[200])]
    last_error: Annotated[str | None, Meta(description="Why there was no answer to the last attempt.")]
    next_attempt_at: Annotated[str | None, Meta(description="`null`: none is due.")]
    delivered_at: Annotated[str | None, Meta(examples=["2026-01-31T09:05:00.207Z"])]
    mode: Annotated[Mode, Meta(examples=["live"])]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]


class DeliveryDetails(DeliveryBody, frozen=True, kw_only=True, rename="camel"):
    body: Annotated[
        str,
        Meta(
            description="What is sent, as it is signed: JSON.",
            examples=[
                '{"id":"evt_02FvM8kQ7yZtLw3RbXc5Na","type":"webhook.test","createdAt":"2026-01-31T09:05:00.123Z"}'
            ],
        ),
    ]
    attempts: Annotated[tuple[AttemptBody, ...], Meta(description="Oldest first, the last 50 of them.")]


async def list_deliveries(call: Call, query: DeliveriesQuery) -> Page[DeliveryBody]:
    """What was, or is to be, sent to one of your webhooks, newest first.

    The list and its total end with the 10,000th; `until` leads to what is older.
    """
    found = await call.ask(
        webhooks.ListDeliveries(
            workspace=call.workspace,
            mode=call.mode,
            endpoint=_webhook(call),
            state=query.state,
            topic=query.event,
            since=query.since,
            until=query.until,
            limit=query.size,
            offset=query.offset,
        )
    )
    return paged([_body(each) for each in found.deliveries], found.total, query)


async def get_delivery(call: Call) -> DeliveryDetails:
    """One delivery with what was sent, every attempt, and what was answered."""
    found = await call.ask(
        webhooks.GetDelivery(workspace=call.workspace, mode=call.mode, endpoint=_webhook(call), id=_delivery(call))
    )
    return DeliveryDetails(
        **msgspec.structs.asdict(_body(found.delivery)), body=found.body, attempts=tuple(map(_attempt, found.attempts))
    )


async def send_test_webhook(call: Call) -> DeliveryBody:
    """Sends a test, whatever the webhook is told of. What came of it is seen at its delivery."""
    sent = await call.write(webhooks.SendTest(workspace=call.workspace, mode=call.mode, id=_webhook(call)))
    return _body(sent)


async def redeliver(call: Call) -> DeliveryBody:
    """Sends a delivery once more, at once, whatever became of it; its retries begin anew, its id stays."""
    again = await call.write(
        webhooks.Redeliver(workspace=call.workspace, mode=call.mode, endpoint=_webhook(call), id=_delivery(call))
    )
    return _body(again)


async def recover_deliveries(call: Call, body: Recover) -> Recovered:
    """Sends all that failed or was dropped since a time once more.

    Oldest first, and as many as may wait at a time: whoever is told of 10,000 asks again once they have been sent.
    """
    recovery = await call.write(
        webhooks.RecoverFailed(workspace=call.workspace, mode=call.mode, endpoint=_webhook(call), since=body.since)
    )
    return Recovered(recovered=recovery.deliveries)


def _body(delivery: webhooks.Delivery) -> DeliveryBody:
    return DeliveryBody(
        id=DELIVERY + delivery.id,
        webhook_id=WEBHOOK + delivery.endpoint,
        event_id=EVENT + delivery.event,
        event=delivery.topic,
        state=delivery.state,
        attempt_count=delivery.attempts,
        last_status_code=delivery.last_status,
        last_error=delivery.last_error,
        next_attempt_at=moment(delivery.next_at) if delivery.next_at else None,
        delivered_at=moment(delivery.delivered_at) if delivery.delivered_at else None,
        mode=delivery.mode,
        created_at=moment(delivery.created_at),
    )


def _attempt(attempt: webhooks.Attempt) -> AttemptBody:
    return AttemptBody(
        number=attempt.number,
        at=moment(attempt.at),
        duration_ms=attempt.took_ms,
        status_code=attempt.status,
        error=attempt.error,
        response=attempt.reply,
    )


def _webhook(call: Call) -> str:
    return bare(WEBHOOK, call.path["id"])


def _delivery(call: Call) -> str:
    return bare(DELIVERY, call.path["deliveryId"])


_ID = {"id": WebhookId}
_IDS = {"id": WebhookId, "deliveryId": DeliveryId}
_ONE = "/webhooks/{id}/deliveries/{deliveryId}"
ENDPOINTS = (
    Endpoint("POST", "/webhooks/{id}/test", send_test_webhook, scope="webhooks:write", status=202, parts=_ID),
    Endpoint("GET", "/webhooks/{id}/deliveries", list_deliveries, scope="webhooks:read", parts=_ID),
    Endpoint("GET", _ONE, get_delivery, scope="webhooks:read", parts=_IDS),
    Endpoint("POST", f"{_ONE}/redeliver", redeliver, scope="webhooks:write", status=202, parts=_IDS),
    Endpoint("POST", "/webhooks/{id}/recover", recover_deliveries, scope="webhooks:write", status=202, parts=_ID),
)
