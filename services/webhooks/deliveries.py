"""Questions about deliveries."""

from datetime import UTC, datetime, timedelta

from services.webhooks import bodies, endpoints, fields, store, store_deliveries
from services.webhooks.store_deliveries import NewDelivery
from shared import ids
from shared.contracts.modes import Mode
from shared.contracts.webhooks import (
    LISTED,
    Delivery,
    DeliveryDetails,
    DeliveryPage,
    Endpoint,
    GetDelivery,
    GetEndpoint,
    ListDeliveries,
    RecoverFailed,
    Recovery,
    Redeliver,
    SendTest,
    State,
    Topic,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service

# What came in between the two times of a list, if one of them is not given.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


async def send_test(tx: Connection, ask: SendTest) -> Delivery:
    now = datetime.now(UTC)
    endpoint = await _enabled(tx, ask.workspace, ask.mode, ask.id)
    event, delivery_id = ids.new(now.timestamp()), ids.new(now.timestamp())
    delivery = NewDelivery(
        endpoint=endpoint.id,
        id=delivery_id,
        event=event,
        topic=Topic.WEBHOOK_TEST,
        body=bodies.message(event, Topic.WEBHOOK_TEST, ask.mode, bodies.of_test(endpoint)),
        state=State.PENDING,
        created_at=ids.time_of(delivery_id),
        next_at=now,
    )
    if not await store_deliveries.add_to_state(tx, endpoint.id, waiting=1, due_at=now):
        raise endpoints.absent()
    await store_deliveries.insert_deliveries(tx, [delivery])
    return (await _details(tx, ask.workspace, ask.mode, endpoint.id, delivery.id)).delivery


async def list_deliveries(db: Connection, ask: ListDeliveries) -> DeliveryPage:
    fields.check_page(ask.limit, ask.offset, LISTED)
    await endpoints.get_endpoint(db, GetEndpoint(workspace=ask.workspace, mode=ask.mode, id=ask.endpoint))
    first, beyond = ids.first_of(_milliseconds(ask.since or EARLIEST)), ids.first_of(_milliseconds(ask.until or LATEST))
    deliveries, total = await store_deliveries.list_deliveries(
        db, ask.endpoint, ask.state, ask.topic, first, beyond, ask.limit, ask.offset
    )
    return DeliveryPage(deliveries=deliveries, total=total)


async def get_delivery(db: Connection, ask: GetDelivery) -> DeliveryDetails:
    return await _details(db, ask.workspace, ask.mode, ask.endpoint, ask.id)


async def redeliver(tx: Connection, ask: Redeliver) -> Delivery:
    await _enabled(tx, ask.workspace, ask.mode, ask.endpoint)
    if not ids.valid(ask.id):
        raise _absent()
    before = await store_deliveries.lock_delivery(tx, ask.workspace, ask.mode, ask.endpoint, ask.id)
    if before is None:
        raise _absent()
    if before.state is State.PENDING:
        raise Fault(Code.IMPOSSIBLE, "This delivery is under way already", field="id")
    now = datetime.now(UTC)
    await store_deliveries.update_redelivered(tx, ask.endpoint, ask.id, now)
    kept = -1 if before.state is State.DROPPED else 0
    await store_deliveries.add_to_state(tx, ask.endpoint, waiting=1, kept=kept, due_at=now)
    return (await _details(tx, ask.workspace, ask.mode, ask.endpoint, ask.id)).delivery


async def recover_failed(service: Service, ask: RecoverFailed) -> Recovery:
    now = datetime.now(UTC)
    async with service.transaction() as tx:
        endpoint = await _enabled(tx, ask.workspace, ask.mode, ask.endpoint)
        room = max(service.settings.webhook_waiting_most - endpoint.waiting, 0)
        first = ids.first_of(_milliseconds(ask.since))
        recovered, dropped = await store_deliveries.recover(tx, ask.endpoint, first, room, now)
        if recovered:
            await store_deliveries.add_to_state(tx, ask.endpoint, waiting=recovered, kept=-dropped, due_at=now)
    return Recovery(deliveries=recovered)


async def _enabled(tx: Connection, workspace: str, mode: Mode, endpoint_id: str) -> Endpoint:
    endpoint = await store.find_endpoint(tx, workspace, mode, endpoint_id) if ids.valid(endpoint_id) else None
    if endpoint is None:
        raise endpoints.absent()
    if not endpoint.enabled:
        raise Fault(Code.IMPOSSIBLE, "Nothing is sent as long as the webhook is disabled")
    return endpoint


async def _details(db: Connection, workspace: str, mode: Mode, endpoint: str, delivery: str) -> DeliveryDetails:
    valid = ids.valid(endpoint) and ids.valid(delivery)
    found = await store_deliveries.find_delivery(db, workspace, mode, endpoint, delivery) if valid else None
    if found is None:
        raise _absent()
    return found


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def _absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such delivery")


def _milliseconds(at: datetime) -> int:
    """Since 1970, rounded up: whatever was made at or after ``at`` was made in that millisecond or later."""
    return -((EARLIEST - max(at, EARLIEST)) // _MILLISECOND)
