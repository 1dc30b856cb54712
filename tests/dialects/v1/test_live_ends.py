"""When a stream ends, what it leaves behind, and that no reader harms another one."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from shared.contracts.keys import Key, ListKeys, RevokeKey
from tests.client import Client, NewClient, within
from tests.dialects.v1.live import click, happen, tokens, until_watchers, watchers
from tests.sse import watch
from tests.world import Gateway, World

PADDING = 1_000  # characters that make an event large
TOGETHER = 100  # events in one message
QUICK = {"stream_patience_seconds": 3, "live_heartbeat_seconds": 0.2, "live_poll_seconds": 0.1}


@pytest.fixture
async def quick(world: World) -> AsyncIterator[Gateway]:
    """A gateway that loses patience soon and shows often that it is alive."""
    started = await world.start_gateway("gateway-quick", **QUICK)
    yield started
    await started.process.stop()


async def only_key(world: World, client: Client) -> Key:
    [key] = (await world.bus.ask(ListKeys(workspace=client.account.workspace.id))).keys
    return key


async def test_a_revoked_key_sees_nothing_more_within_a_second(
    world: World, client: Client, new_client: NewClient
) -> None:
    async def attempt(_: int) -> float:
        mine = await new_client(client.account)
        key, *_others = (await world.bus.ask(ListKeys(workspace=client.account.workspace.id))).keys
        async with watch(mine) as live:
            began = time.monotonic()
            await world.bus.ask(RevokeKey(id=key.id))
            assert await live.end(20) == []
            return time.monotonic() - began

    await within(1, attempt)


async def test_an_expired_key_sees_nothing_more(new_client: NewClient) -> None:
    client = await new_client(expires_in_seconds=5)
    async with watch(client) as live:
        assert await live.end(20) == []
    assert (await client.get("/v1/analytics/live")).status == 401


async def test_another_key_of_the_workspace_goes_on(world: World, client: Client, new_client: NewClient) -> None:
    key = await only_key(world, client)
    other = await new_client(client.account)
    async with watch(client) as ends, watch(other) as goes_on:
        await world.bus.ask(RevokeKey(id=key.id))
        await ends.end(20)
        await happen(world, other, ["a"])
        assert tokens([await goes_on.next()]) == ["a"]


async def test_in_the_silence_there_are_signs_of_life(quick: Gateway, client: Client) -> None:
    began = time.monotonic()
    async with watch(client.at(quick.url)) as live:
        for _ in range(5):
            await live.alive()
        # Usually there is one every 15 seconds.
        assert 0.8 <= time.monotonic() - began <= 10


async def test_a_quiet_workspace_misses_nothing_while_others_are_loud(
    world: World, quick: Gateway, client: Client, new_client: NewClient
) -> None:
    loud = await new_client()
    async with watch(client.at(quick.url)) as live:
        before = live.last_id
        await happen(world, loud, ["x"])
        # Nothing is shown, and yet the place to go on from is behind what happened elsewhere.
        async with asyncio.timeout(20):
            while int(live.last_id.split("-")[1]) <= int(before.split("-")[1]):
                await live.alive()


async def test_no_more_streams_than_agreed(world: World, new_client: NewClient) -> None:
    settings = {"streams_per_key": 1, "streams_per_workspace": 2, "streams_open": 3}
    gateway = await world.start_gateway("gateway-few", **settings)
    first = (await new_client()).at(gateway.url)
    second, third = [(await new_client(first.account)).at(gateway.url) for _ in range(2)]
    others = [(await new_client()).at(gateway.url) for _ in range(2)]
    async with watch(first), watch(second):
        for client in (first, third):
            answer = await client.get("/v1/analytics/live")
            assert (answer.status, answer.code) == (429, "RATE_LIMIT_EXCEEDED")
            assert answer.headers["Retry-After"] == str(answer.json["error"]["retryAfter"]) == "1"
        async with watch(others[0]):
            answer = await others[1].get("/v1/analytics/live")
            assert (answer.status, answer.code) == (503, "INTERNAL_ERROR")
            # Requests that end are not meant.
            assert (await others[1].get("/v1/links")).status == 200
    await until_watchers(world, 0)
    async with watch(first) as again:
        assert again.status == 200
    await gateway.process.stop()


async def test_who_has_gone_leaves_nothing_behind(world: World, client: Client) -> None:
    await until_watchers(world, 0)
    for _ in range(3):
        async with asyncio.TaskGroup() as together:
            for _ in range(8):
                together.create_task(look_in(client))
        await until_watchers(world, 0)


async def look_in(client: Client) -> None:
    async with watch(client) as live:
        assert live.status == 200


async def test_a_gateway_that_stops_ends_its_streams_at_once(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-stops")
    here = client.at(gateway.url)
    async with watch(here) as live, contextlib.aclosing(Deaf(here)):
        for number in range(80):
            await happen(world, client, [str(number)] * TOGETHER, PADDING)
        assert len(await live.some(80 * TOGETHER, seconds=60)) == 80 * TOGETHER
        began = time.monotonic()
        stopping = asyncio.create_task(gateway.process.stop(signal.SIGTERM))
        assert await live.end(20) == []
        # What does not end by itself is cut off after ten seconds.
        assert time.monotonic() - began <= 5
        assert await stopping == 0
        assert time.monotonic() - began <= 9
    await until_watchers(world, 0)


class Deaf:
    """Somebody who asks for the stream and then never reads a byte of it."""

    def __init__(self, client: Client) -> None:
        address = urlsplit(client.url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect((address.hostname, address.port))
        head = f"GET /v1/analytics/live HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {client.key}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._socket.setblocking(False)

    async def read(self) -> bytes:
        """What has arrived in the end, until the connection was reset or closed."""
        got = b""
        loop = asyncio.get_running_loop()
        try:
            while part := await loop.sock_recv(self._socket, 65536):
                got += part
        except ConnectionResetError:
            pass
        return got

    async def aclose(self) -> None:
        self._socket.close()


@pytest.mark.parametrize("run", range(3))
async def test_a_reader_who_does_not_read_is_cut_off_and_the_others_notice_nothing(
    world: World, quick: Gateway, client: Client, run: int
) -> None:
    here = client.at(quick.url)

    async def attempt(_: int) -> float:
        """The longest that somebody else has waited."""
        await until_watchers(world, 0)
        async with watch(here) as live, contextlib.aclosing(Deaf(here)) as deaf:
            await until_watchers(world, 2)
            sent, seen, slowest = [], [], 0.0
            for number in range(80):
                campaigns = [f"{number}-{each}" for each in range(TOGETHER)]
                began = time.monotonic()
                await happen(world, client, campaigns, PADDING)
                seen += tokens(await live.some(TOGETHER))
                slowest = max(slowest, time.monotonic() - began)
                sent += campaigns
            assert seen == sent
            # Far more than fits between the two, so the rest of it has never been taken from the stream.
            await until_watchers(world, 1)
            received = await asyncio.wait_for(deaf.read(), 20)
            assert received.startswith(b"HTTP/1.1 200")
            assert received.count(b"event: click") < len(sent)
            await happen(world, client, ["last"])
            assert tokens([await live.next()]) == ["last"]
        return slowest

    await within(1, attempt)


async def test_a_stream_beside_many_requests_holds_nobody_up(world: World, client: Client) -> None:
    link = await client.new_link()
    async with watch(client) as live:
        await asyncio.gather(*(click(client, link["shortCode"]) for _ in range(50)))
        assert len({event.id for event in await live.some(50)}) == 50
    await until_watchers(world, 0)
    assert await watchers(world) == 0
