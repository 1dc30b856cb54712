"""Alive, ready, and gone in good order: what a load balancer is told, and what a gateway finishes before it goes."""

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from shared.ids import new as new_id
from tests.client import Client, until, within
from tests.gateway.remembered import remembered_link
from tests.servers import free_port
from tests.shared.nats_server import NatsServer
from tests.world import Gateway, Process, World

STOP_SECONDS = 15  # with the settings as they are


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def alone(world: World, nats: NatsServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway with a NATS server of its own and with nothing else: no services, no Valkey."""
    started = await world.start_gateway(
        "gateway-alone",
        nats_url=nats.url,
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        journal_dir=tmp_path / "journal",
    )
    yield started
    await started.process.stop()


async def told(session: aiohttp.ClientSession, gateway: Gateway, path: str) -> tuple[int, str]:
    async with session.get(gateway.url + path) as answer:
        return answer.status, (await answer.json())["status"]


async def test_a_gateway_is_alive_without_anybody_and_ready_with_nats(
    session: aiohttp.ClientSession, alone: Gateway, nats: NatsServer
) -> None:
    assert await told(session, alone, "/livez") == (200, "live")
    assert await told(session, alone, "/readyz") == (200, "ready")
    noticed, ready = [], []
    for _ in range(3):
        nats.kill()
        away, took = await until(lambda: told(session, alone, "/readyz"), lambda seen: seen[0] == 503)
        assert "NATS" in away[1]
        noticed.append(took)
        assert await told(session, alone, "/livez") == (200, "live")
        nats.start()
        _, took = await until(lambda: told(session, alone, "/readyz"), lambda seen: seen == (200, "ready"))
        ready.append(took)
    # The machine may stand still in one of them.
    assert sorted(noticed)[1] < 1
    assert sorted(ready)[1] < 3


async def test_a_nats_server_that_hangs_is_noticed(
    session: aiohttp.ClientSession, alone: Gateway, nats: NatsServer
) -> None:
    async def attempt(_: int) -> float:
        nats.process.send_signal(signal.SIGSTOP)
        try:
            away, took = await until(lambda: told(session, alone, "/readyz"), lambda seen: seen[0] == 503)
            assert away[1] == "NATS does not answer"
            assert await told(session, alone, "/livez") == (200, "live")
        finally:
            nats.process.send_signal(signal.SIGCONT)
        await until(lambda: told(session, alone, "/readyz"), lambda seen: seen == (200, "ready"))
        return took

    await within(3, attempt)


async def test_a_gateway_is_alive_before_nats_is_there_and_ready_as_soon_as_it_is(
    session: aiohttp.ClientSession, world: World, nats: NatsServer, tmp_path: Path
) -> None:
    nats.kill()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = world.env(
        "gateway-early",
        nats_url=nats.url,
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        listen_port=port,
        public_url=url,
        journal_dir=tmp_path / "journal",
    )
    process = Process("gateway-early", [sys.executable, "-m", "gateway"], env, tmp_path / "gateway.log")
    await process.start()

    async def look(path: str) -> tuple[int, str | None]:
        try:
            async with session.get(url + path) as answer:
                return answer.status, answer.headers.get("Retry-After")
        except aiohttp.ClientConnectionError:
            return 0, None

    try:
        await until(lambda: look("/livez"), lambda seen: seen[0] == 200, seconds=30)
        assert await look("/readyz") == (503, None)
        assert await look("/some-link") == (503, "5")
        nats.start()
        await until(lambda: look("/readyz"), lambda seen: seen[0] == 200, seconds=30)
        assert await look("/") == (200, None)
    finally:
        status = await process.stop()
    assert status == 0


class Slow:
    """A request whose body arrives in two parts."""

    def __init__(self, client: Client, body: bytes) -> None:
        self._address = urlsplit(client.url)
        self._body = body
        self._head = (
            f"POST /v1/links HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {client.key}\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        ).encode()

    async def begin(self) -> None:
        """Returns when the gateway waits for the rest."""
        self._reader, self._writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        self._writer.write(self._head)
        assert b" 100 " in await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 20)
        self._writer.write(self._body[:10])
        await self._writer.drain()

    async def finish(self) -> bytes:
        """The whole answer; the server closes the connection behind it."""
        self._writer.write(self._body[10:])
        answer = await asyncio.wait_for(self._reader.read(), 20)
        await self.leave()
        return answer

    async def leave(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@pytest.fixture
async def ending(world: World, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway with a journal of its own that a test may end."""
    started = await start(world, tmp_path)
    yield started
    await started.process.stop(signal.SIGKILL)


async def start(world: World, folder: Path, **settings: object) -> Gateway:
    return await world.start_gateway(
        "gateway-ending", journal_dir=folder / "journal", journal_adopt_seconds=0.2, **settings
    )


async def test_what_is_under_way_is_finished_before_a_gateway_goes(client: Client, ending: Gateway) -> None:
    client = client.at(ending.url)
    await client.get("/v1/links")
    requests = [Slow(client, b'{"title":"Link %d","url":"https://example.com"}' % number) for number in range(20)]
    for request in requests:
        await request.begin()
    began = time.monotonic()
    going = asyncio.create_task(ending.process.stop())

    async def closed() -> bool:
        try:
            await client.get("/readyz")
        except aiohttp.ClientError:
            return True
        return False

    await until(closed, bool)
    answers = await asyncio.gather(*(request.finish() for request in requests))
    assert Counter(answer.split(b" ")[1] for answer in answers) == {b"201": 20}
    assert await going == 0
    assert time.monotonic() - began < STOP_SECONDS


async def test_a_request_that_never_ends_does_not_keep_a_gateway_from_going(
    world: World, client: Client, tmp_path: Path
) -> None:
    usual, patience = world.settings().stop_timeout_seconds, 2
    ending = await start(world, tmp_path, stop_timeout_seconds=patience)
    request = Slow(client.at(ending.url), b'{"title":"Link","url":"https://example.com"}')
    await request.begin()
    began = time.monotonic()
    assert await ending.process.stop() == 0
    assert patience <= time.monotonic() - began < STOP_SECONDS - usual + patience
    await request.leave()


async def test_a_gateway_goes_although_nats_is_away(
    session: aiohttp.ClientSession, alone: Gateway, nats: NatsServer
) -> None:
    nats.kill()
    await until(lambda: told(session, alone, "/readyz"), lambda seen: seen[0] == 503)
    assert await told(session, alone, "/livez") == (200, "live")
    began = time.monotonic()
    assert await alone.process.stop() == 0
    assert time.monotonic() - began < STOP_SECONDS


class Crowd:
    """Visitors who go on until nobody answers; each visit has a token, and a 302 puts it on the list."""

    def __init__(self, gateway: Gateway, slug: str) -> None:
        self._target = f"{gateway.url}/{slug}?t="
        self.answered: list[str] = []
        self.sent = 0

    async def visit(self, session: aiohttp.ClientSession) -> None:
        try:
            while True:
                self.sent += 1
                token = f"{self.sent}-{new_id()}"
                async with session.get(self._target + token, allow_redirects=False) as answer:
                    assert answer.status == 302
                    self.answered.append(f"t={token}")
        except aiohttp.ClientError:
            return  # the gateway has gone

    async def go_on(self, more: int) -> None:
        """Until so many more visits have been answered."""
        goal = len(self.answered) + more

        async def count() -> int:
            return len(self.answered)

        await until(count, lambda seen: seen >= goal)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
@pytest.mark.parametrize("nats_hangs", [False, True], ids=["nats well", "nats hangs"])
async def test_every_click_that_was_answered_is_counted_once_whatever_ends_the_gateway(
    world: World, client: Client, ending: Gateway, tmp_path: Path, how: signal.Signals, nats_hangs: bool
) -> None:
    link = await remembered_link(client, client.at(ending.url))
    crowd = Crowd(ending, link["shortCode"])
    nats = world.servers.processes["nats"]
    async with aiohttp.ClientSession() as session:
        visits = [asyncio.create_task(crowd.visit(session)) for _ in range(16)]
        try:
            await crowd.go_on(200)
            if nats_hangs:
                nats.send_signal(signal.SIGSTOP)
                await crowd.go_on(200)
            began = time.monotonic()
            status = await ending.process.stop(how)
            took = time.monotonic() - began
            await asyncio.gather(*visits)
        finally:
            nats.send_signal(signal.SIGCONT)
    if how is signal.SIGTERM:
        assert status == 0
        assert took < STOP_SECONDS

    after = await start(world, tmp_path)
    counted = await until_counted(world, link["id"], crowd.answered)
    await after.process.stop()
    assert set(crowd.answered) <= set(counted)
    assert max(counted.values()) == 1
    # A visitor whose answer was lost with the gateway may be counted; nobody else.
    assert len(counted) <= crowd.sent


async def until_counted(world: World, link: str, tokens: list[str]) -> Counter[str]:
    owner = await world.connect()

    async def look() -> Counter[str]:
        rows = await owner.fetch(
            "select query from analytics.visits where link = $1 and query <> ''", link.removeprefix("lnk_")
        )
        return Counter(row["query"] for row in rows)

    await until(look, lambda seen: seen.total() >= len(tokens), seconds=30)
    await asyncio.sleep(0.5)  # one that comes twice has time to show itself
    counted = await look()
    await owner.close()
    return counted
