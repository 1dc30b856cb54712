"""An endpoint that is registered as owners do, and what has been put there for it."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from shared import ids
from shared.bus import EVENTS_STREAM, PASSING_STREAM
from shared.contracts.ask import Event, subject_of
from shared.contracts.modes import Mode
from shared.contracts.webhooks import CreateEndpoint, Delivery, Endpoint, GetDelivery, GetEndpoint, ListDeliveries
from tests.services.analytics.visits import until
from tests.world import World

# Nobody is there, so what is put there stays pending.
NOWHERE = "http://127.0.0.1:2/hooks"
CONSUMER = f"{EVENTS_STREAM}.webhooks"


class Mailbox:
    def __init__(self, world: World, endpoint: Endpoint) -> None:
        self._world = world
        self.endpoint = endpoint

    async def deliveries(self) -> list[Delivery]:
        """Oldest first."""
        ask = ListDeliveries(
            workspace=self.endpoint.workspace, mode=self.endpoint.mode, endpoint=self.endpoint.id, limit=100
        )
        page = await self._world.bus.ask(ask)
        assert page.total == len(page.deliveries)
        return list(reversed(page.deliveries))

    async def body(self, delivery: Delivery) -> Any:
        """As JSON."""
        ask = GetDelivery(
            workspace=self.endpoint.workspace, mode=self.endpoint.mode, endpoint=self.endpoint.id, id=delivery.id
        )
        return json.loads((await self._world.bus.ask(ask)).body)

    async def until(self, count: int) -> list[Any]:
        """The bodies, as soon as there are so many deliveries."""
        found = await until(self.deliveries, lambda deliveries: len(deliveries) >= count)
        return [await self.body(delivery) for delivery in found]

    async def now(self) -> Endpoint:
        ask = GetEndpoint(workspace=self.endpoint.workspace, mode=self.endpoint.mode, id=self.endpoint.id)
        return await self._world.bus.ask(ask)


async def register(
    world: World, workspace: str, *topics: str, mode: Mode = Mode.LIVE, url: str = NOWHERE, **fields: Any
) -> Mailbox:
    ask = CreateEndpoint(workspace=workspace, mode=mode, url=url, topics=topics or ("*",), **fields)
    return Mailbox(world, (await world.bus.ask(ask)).endpoint)


async def tell(world: World, *events: Event, event_ids: list[str] | None = None) -> list[str]:
    """Into the streams, as an outbox does it; under which ids."""
    named = event_ids or [ids.new() for _ in events]
    for event, name in zip(events, named, strict=True):
        await world.bus.publish(subject_of(type(event)), msgspec.msgpack.encode(event), name, 5)
    return named


@contextlib.asynccontextmanager
async def forgetful_stream(
    world: World, name: str = EVENTS_STREAM
) -> AsyncIterator[Callable[[Event, str], Awaitable[None]]]:
    """``await tell_anew(event, id)``: another message with the same id, since the server has forgotten the first."""
    stream = world.bus._client.jetstream()
    config = (await stream.stream_info(name)).config
    # A window that is the same as before would be no news to the server.
    windows = itertools.cycle((0.1, 0.15))

    async def tell_anew(event: Event, event_id: str) -> None:
        payload, headers = msgspec.msgpack.encode(event), {"Nats-Msg-Id": event_id}

        async def told() -> bool:
            # Asked of the server each time, as it may have been asked for something else meanwhile.
            window = next(windows)
            await stream.update_stream(config.evolve(duplicate_window=window))
            await asyncio.sleep(window)
            return not (await stream.publish(subject_of(type(event)), payload, headers=headers)).duplicate

        await until(told, bool)

    try:
        yield tell_anew
    finally:
        await stream.update_stream(config)


async def until_taken_in(world: World) -> None:
    """Waits until every fact that is in the streams by now has been acknowledged.

    What a consumer says of what is before it would not do: it may hear of a fact a moment after it has been published.
    """

    async def asked(subject: str) -> Any:
        return msgspec.json.decode((await world.bus._client.request(f"$JS.API.{subject}", timeout=5)).data)

    async def taken_in() -> int:
        info = await asked(f"CONSUMER.INFO.{CONSUMER}")
        return 0 if "error" in info else int(info["ack_floor"]["stream_seq"])

    async def passing() -> int:
        # What has been acknowledged is not there any more.
        return int((await asked(f"STREAM.INFO.{PASSING_STREAM}"))["state"]["messages"])

    told = int((await asked(f"STREAM.INFO.{EVENTS_STREAM}"))["state"]["last_seq"])
    await until(taken_in, lambda place: place >= told)
    await until(passing, lambda number: number == 0)
