"""Functions that act on the facts of other services, each of which is offered until it is taken in."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from shared import database as databases
from shared.bus import EVENTS_STREAM, Delivery, Puller
from shared.contracts.ask import Event, subject_of
from shared.faults import Fault
from shared.service.instance import Service

log = logging.getLogger(__name__)


class Listener(msgspec.Struct, frozen=True):
    """One function that acts on one kind of fact of another service: ``(tx, event)``, in a transaction."""

    event: type[Event]
    act: Callable[[databases.Connection, Any], Awaitable[None]]


async def listen(service: Service, listener: Listener) -> None:
    """Takes facts in, one transaction each, in the order in which they were told as long as none is refused.

    A fact that cannot be taken in is offered again, ever more slowly and without end; the others go on meanwhile.
    """
    settings = service.settings
    puller = await _puller(service, subject_of(listener.event))
    waiting: deque[Delivery] = deque()
    try:
        while True:
            while waiting:
                await _take_in(service, listener, waiting[0])
                waiting.popleft()
            try:
                waiting.extend(await puller.fetch(settings.outbox_batch, settings.ingest_wait_seconds))
            except Fault as fault:
                log.info("Facts wait: %s", fault.message)
                await asyncio.sleep(settings.bus_reconnect_wait_seconds)
    finally:
        # Given back, they go to another copy at once; otherwise the server would first wait for us in vain.
        for delivery in waiting:
            await delivery.later(0)
        await puller.close()


async def _puller(service: Service, subject: str) -> Puller:
    settings = service.settings
    durable = f"{service.name}-{subject.replace('.', '-')}"
    while True:
        try:
            return await service.bus.pull(
                EVENTS_STREAM,
                durable,
                subject,
                # A fact is offered until it is taken in: leaving one out would leave the two services apart for good.
                deliveries=-1,
                ack_wait=settings.ingest_ack_wait_seconds,
            )
        except Fault as fault:
            log.info("Facts wait: %s", fault.message)
            await asyncio.sleep(settings.bus_reconnect_wait_seconds)


async def _take_in(service: Service, listener: Listener, delivery: Delivery) -> None:
    settings = service.settings
    try:
        async with asyncio.timeout(settings.ingest_ack_wait_seconds), service.transaction() as tx:
            await listener.act(tx, msgspec.msgpack.decode(delivery.data, type=listener.event))
    except Exception as error:
        pause = min(
            settings.listen_retry_seconds * 2 ** min(delivery.times - 1, 30), settings.listen_retry_most_seconds
        )
        # A fault has said its word where it arose, a crash is a defect of ours.
        crash = None if isinstance(error, Fault) else error
        log.error("A fact could not be taken in: %s", error, exc_info=crash, extra=_about(delivery, pause))
        await delivery.later(pause)
    else:
        await delivery.done()


def _about(delivery: Delivery, pause: float) -> dict[str, object]:
    return {"subject": delivery.subject, "deliveries": delivery.times, "next_in_seconds": pause}
