"""What those who watch notice when gateways, the analytics and NATS are killed, hang, and come back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from tests import servers as test_servers
from tests import world as worlds
from tests.client import Client
from tests.dialects.v1.live import clicks, happen, tokens, until_watchers
from tests.servers import Servers
from tests.sse import Event, Watch, watch
from tests.world import Gateway, World

ROUNDS = 4


@pytest.fixture
async def gateways(world: World) -> AsyncIterator[list[Gateway]]:
    """Two to be killed; none of them is left running, whatever becomes of the test."""
    started = [await world.start_gateway(f"gateway-killed-{number}") for number in range(2)]
    yield started
    for gateway in started:
        await gateway.process.stop()


async def test_after_the_kill_of_a_gateway_another_one_goes_on_without_loss_or_double(
    world: World, client: Client, gateways: list[Gateway]
) -> None:
    link = await client.new_link()
    letters: list[str] = []
    seen: list[Event] = []
    # A look at the stream, so that the first click is not counted before anybody watches.
    async with watch(client) as live:
        last = live.last_id
    # However long the rounds take, there are clicks in each of them.
    enough = asyncio.Event()
    clicking = asyncio.create_task(on_and_on(client, link["shortCode"], letters, enough))
    for round_ in range(ROUNDS):
        gateway = gateways[round_ % 2]
        async with watch(client.at(gateway.url), after=last) as live:
            seen += await live.some(3)
            await gateway.process.stop(signal.SIGKILL)
            seen += await live.end(20)
            last = live.last_id
        await gateway.start()
    async with watch(client, after=last) as live:
        enough.set()
        await clicking
        seen += await live.some(len(letters) - len(seen))
    assert sorted(tokens(seen)) == sorted(letters)
    assert len({event.id for event in seen}) == len(letters)
    for gateway in gateways:
        await gateway.process.stop()
    # The killed ones could not say goodbye; the server has forgotten their readers by itself.
    await until_watchers(world, 0)


async def slowly(client: Client, code: str, letters: Sequence[str]) -> None:
    for letter in letters:
        await clicks(client, code, [letter])
        await asyncio.sleep(0.1)


async def on_and_on(client: Client, code: str, letters: list[str], enough: asyncio.Event) -> None:
    """Clicks, each with the next letter, until it is enough."""
    while not enough.is_set():
        letters.append(f"t{len(letters)}")
        await clicks(client, code, letters[-1:])
        await asyncio.sleep(0.1)


async def test_a_kill_of_the_analytics_shows_nothing_twice(world: World, client: Client) -> None:
    link = await client.new_link()
    process = world.services["analytics"]
    letters = [f"k{number}" for number in range(30)]
    async with watch(client) as live:
        clicking = asyncio.create_task(slowly(client, link["shortCode"], letters))
        seen = await live.some(5)
        await process.stop(signal.SIGKILL)
        await process.start()
        await clicking
        # What was being counted comes again when the server has missed its acknowledgement.
        seen += await live.some(len(letters) - len(seen), seconds=40)
    assert sorted(tokens(seen)) == sorted(letters)


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[tuple[Servers, World, Gateway]]:
    """Servers that may be killed, and a world on them."""
    with test_servers.open_folder() as folder:
        servers = test_servers.start(folder)
        try:
            async with worlds.begin(servers, tmp_path) as world:
                gateway = await world.start_gateway("gateway-live", live_heartbeat_seconds=0.5)
                yield servers, world, gateway
                await gateway.process.stop()
        finally:
            servers.stop()


async def test_a_stream_stays_open_while_nats_is_away_and_goes_on_after_it(
    own: tuple[Servers, World, Gateway], session: aiohttp.ClientSession
) -> None:
    servers, world, gateway = own
    account = await world.account()
    client = Client(session, gateway.url, (await world.key(account)).secret, account)
    link = await client.new_link()
    async with watch(client) as live:
        await clicks(client, link["shortCode"], ["before"])
        assert tokens([await live.next()]) == ["before"]
        await hangs(servers, client, live, link["shortCode"])
        await dies(servers, world, client, live, link["shortCode"])


async def hangs(servers: Servers, client: Client, live: Watch, code: str) -> None:
    nats = servers.processes["nats"]
    nats.send_signal(signal.SIGSTOP)
    await clicks(client, code, ["hung"])
    for _ in range(3):
        await live.alive()
    nats.send_signal(signal.SIGCONT)
    assert tokens([await live.next(20)]) == ["hung"]


async def dies(servers: Servers, world: World, client: Client, live: Watch, code: str) -> None:
    servers.processes["nats"].kill()
    servers.processes["nats"].wait()
    await clicks(client, code, ["away"])
    for _ in range(3):
        await live.alive()
    servers.start_again("nats")
    # The live stream was in the memory of the server, so what was in it is gone, and that is told.
    gap, event = await live.some(2, seconds=30)
    assert gap.name == "gap"
    assert tokens([event]) == ["away"]
    await happen(world, client, ["after"])
    assert tokens([await live.next()]) == ["after"]
