"""Mail becomes deliveries, as many as may wait; what is more is dropped, and counted.

Clicks for an endpoint that wants them together go into a message that stays open for a second, or until it is full.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from services.webhooks import bodies, store_deliveries, store_intake
from services.webhooks.store_deliveries import NewDelivery
from services.webhooks.store_intake import Growth, More, Room
from shared import ids
from shared.contracts.modes import Mode
from shared.contracts.webhooks import State, Topic
from shared.database import Connection
from shared.settings import Settings

CLICKS_TOGETHER = 100


class Message(msgspec.Struct, frozen=True):
    event: str
    topic: Topic
    body: bytes
    clicks: int = 0
    open_until: datetime | None = None


class Mail(msgspec.Struct, frozen=True):
    """For one endpoint."""

    mode: Mode
    messages: list[Message]
    clicks: list[bytes]  # to be told together


async def post(tx: Connection, mails: Mapping[str, Mail], settings: Settings, now: datetime) -> int:
    """By endpoint; how many deliveries there are more."""
    if not mails:
        return 0
    rooms = await store_intake.lock_states(tx, list(mails))
    full = await _append(tx, {endpoint: mails[endpoint].clicks for endpoint in rooms}, now)
    open_until = now + timedelta(seconds=settings.webhook_batch_seconds)
    lost: dict[str, int] = {}
    deliveries: list[NewDelivery] = []
    for endpoint, room in rooms.items():
        messages = mails[endpoint].messages + list(_gathered(mails[endpoint], now, open_until))
        made = _placed(endpoint, messages, room, settings, now)
        lost[endpoint] = len(messages) - len(made)
        deliveries += made
    if deliveries:
        await store_deliveries.insert_deliveries(tx, deliveries)
    await store_intake.grow_states(tx, list(_growths(rooms, deliveries, lost, dict.fromkeys(full, now))))
    return len(deliveries)


async def _append(tx: Connection, clicks: Mapping[str, list[bytes]], now: datetime) -> list[str]:
    """To messages that are open; what has found its place is taken away from ``clicks``. Whose message is full now."""
    gathering = [endpoint for endpoint, waiting in clicks.items() if waiting]
    if not gathering:
        return []
    more = []
    for message in await store_intake.list_open(tx, gathering, now, CLICKS_TOGETHER):
        waiting = clicks[message.endpoint]
        added = waiting[: CLICKS_TOGETHER - message.clicks]
        del waiting[: len(added)]
        full = message.clicks + len(added) == CLICKS_TOGETHER
        more.append(More(message.endpoint, message.id, len(added), b",".join(added), full))
    if more:
        await store_intake.append_clicks(tx, more, now)
    return [each.endpoint for each in more if each.full]


def _gathered(mail: Mail, now: datetime, open_until: datetime) -> Iterator[Message]:
    for begin in range(0, len(mail.clicks), CLICKS_TOGETHER):
        clicks = mail.clicks[begin : begin + CLICKS_TOGETHER]
        event = ids.new(now.timestamp())
        body = bodies.message(event, Topic.LINK_CLICKED, mail.mode, bodies.of_clicks(clicks))
        full = len(clicks) == CLICKS_TOGETHER
        yield Message(event, Topic.LINK_CLICKED, body, len(clicks), None if full else open_until)


def _placed(endpoint: str, messages: list[Message], room: Room, settings: Settings, now: datetime) -> list[NewDelivery]:
    """Of what has no place any more, as much as is kept."""
    free = max(settings.webhook_waiting_most - room.waiting, 0)
    kept = max(settings.webhook_dropped_most - room.kept, 0)
    # Ids of one millisecond are in no order; these are in that of the messages.
    fresh = sorted(ids.new(now.timestamp()) for _ in messages[: free + kept])
    return [
        _delivery(endpoint, delivery_id, message, now + timedelta(microseconds=place), dropped=place >= free)
        for place, (delivery_id, message) in enumerate(zip(fresh, messages, strict=False))
    ]


def _delivery(endpoint: str, delivery_id: str, message: Message, next_at: datetime, *, dropped: bool) -> NewDelivery:
    """``next_at``: unless it stays open."""
    return NewDelivery(
        endpoint=endpoint,
        id=delivery_id,
        event=message.event,
        topic=message.topic,
        body=message.body,
        state=State.DROPPED if dropped else State.PENDING,
        created_at=ids.time_of(delivery_id),
        next_at=None if dropped else message.open_until or next_at,
        clicks=message.clicks,
        open_until=None if dropped else message.open_until,
    )


def _growths(
    rooms: Mapping[str, Room], deliveries: list[NewDelivery], lost: Mapping[str, int], due: dict[str, datetime]
) -> Iterator[Growth]:
    waiting, kept = dict.fromkeys(rooms, 0), dict.fromkeys(rooms, 0)
    for each in deliveries:
        if each.next_at is None:
            kept[each.endpoint] += 1
        else:
            waiting[each.endpoint] += 1
            due[each.endpoint] = min(due.get(each.endpoint, each.next_at), each.next_at)
    for endpoint in rooms:
        dropped = kept[endpoint] + lost[endpoint]
        yield Growth(endpoint, waiting[endpoint], kept[endpoint], dropped, due.get(endpoint))
