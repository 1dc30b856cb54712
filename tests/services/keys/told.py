"""What services have told the world."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from shared.bus import EVENTS_STREAM
from shared.contracts.ask import Event, service_of, subject_of
from tests.world import World

E = TypeVar("E", bound=Event)


async def told(world: World, event: type[E]) -> list[E]:
    """All facts of one kind in the stream, once nothing waits in the outbox any more."""
    await outbox_empty(world, service_of(event))
    return [msgspec.msgpack.decode(data, type=event) for data in await stream(world, subject_of(event))]


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Looks again and again, for up to twenty seconds."""
    end = time.monotonic() + 20
    while not await happened():
        assert time.monotonic() < end, f"{happened.__name__} did not come true"
        await asyncio.sleep(0.01)


async def outbox_empty(world: World, service: str) -> None:
    owner = await world.connect()

    async def empty() -> bool:
        return not await owner.fetchval(f"select exists (select from {service}.outbox)")

    try:
        await until(empty)
    finally:
        await owner.close()


async def stream(world: World, subject: str) -> list[bytes]:
    """The payloads of all messages on a subject of the event stream."""
    jetstream = world.bus._client.jetstream()
    subscription = await jetstream.subscribe(subject, stream=EVENTS_STREAM, ordered_consumer=True)
    info = await subscription.consumer_info()
    delivered = info.delivered.consumer_seq if info.delivered else 0
    messages = [await subscription.next_msg(5) for _ in range((info.num_pending or 0) + delivered)]
    await subscription.unsubscribe()
    return [message.data for message in messages]
