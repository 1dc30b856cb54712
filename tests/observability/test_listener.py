"""Each process has a listener of its own, at which it says how it is and what it has counted."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.client import Client, until
from tests.shared.nats_server import NatsServer
from tests.world import Gateway, Process, World


async def told(session: aiohttp.ClientSession, process: Process, path: str) -> tuple[int, str]:
    try:
        async with session.get(process.watched_at + path) as answer:
            return answer.status, (await answer.json())["status"]
    except aiohttp.ClientConnectionError:
        return 0, ""


async def test_every_process_tells_what_it_has_counted(
    world: World, gateway: Gateway, session: aiohttp.ClientSession
) -> None:
    async def counted(process: Process) -> dict[str, Metric]:
        async with session.get(f"{process.watched_at}/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain")
            return {family.name: family for family in text_string_to_metric_families(await answer.text())}

    for process in (*world.services.values(), gateway.process):
        # What a probe asks has a second to answer.
        families, _ = await until(
            lambda process=process: counted(process),  # type: ignore[misc]
            lambda seen: all(sample.value == 1.0 for sample in seen["waypost_probe_success"].samples),
        )
        assert families["waypost_process_info"].samples[0].labels["process"] == process.name
        assert families["process_resident_memory_bytes"].samples[0].value < 200 * 2**20
        assert await told(session, process, "/livez") == (200, "live")
        assert await told(session, process, "/readyz") == (200, "ready")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /else HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"HEAD /livez HTTP/1.0\r\nHost: x\r\n\r\n", b"200"),
        (b"\xff\xfe\r\n\r\n", b"405"),
        (b"GET /metrics?name[]=up HTTP/1.1\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n" + b"x" * 40_000, b""),
        (b"", b""),
    ],
    ids=["no such path", "a method", "head", "no words", "a query", "too much", "nothing"],
)
async def test_whatever_is_said_to_it_is_answered_or_ended(world: World, sent: bytes, status: bytes) -> None:
    where = urlsplit(world.services["accounts"].watched_at)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(sent)
    if not sent:
        writer.write_eof()
    answer = b""
    try:
        answer = await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        assert not status
    writer.close()
    assert answer.partition(b" ")[2][:3] == status
    if sent.startswith(b"HEAD"):
        assert answer.endswith(b"\r\n\r\n")


async def test_more_connections_than_agreed_are_closed_at_once(
    session: aiohttp.ClientSession, few_connections: Process
) -> None:
    where = urlsplit(few_connections.watched_at)
    opened = [await asyncio.open_connection(where.hostname, where.port) for _ in range(6)]
    reading = [asyncio.create_task(_end_of(reader)) for reader, _ in opened]

    async def ended() -> int:
        return sum(task.done() for task in reading)

    try:
        # Two are taken and say nothing; or one, while the last question from before is still being left.
        await until(ended, lambda seen: seen >= 4)
    finally:
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*reading)
    await until(lambda: told(session, few_connections, "/livez"), lambda seen: seen == (200, "live"))


async def _end_of(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def few_connections(world: World, session: aiohttp.ClientSession, nats: NatsServer) -> AsyncIterator[Process]:
    """A service that waits for a NATS server that is away, and takes two connections of those who watch it."""
    nats.kill()
    process = world.service("accounts", 77, nats_url=nats.url, metrics_connections=2)
    await process.start()
    await until(lambda: told(session, process, "/livez"), lambda seen: seen == (200, "live"), seconds=20)
    yield process
    await process.stop(signal.SIGKILL)


async def test_a_service_is_alive_without_anybody_and_ready_when_it_can_answer(
    world: World, session: aiohttp.ClientSession, nats: NatsServer, few_connections: Process
) -> None:
    process = few_connections

    def look(path: str) -> Coroutine[None, None, tuple[int, str]]:
        return told(session, process, path)

    assert (await look("/readyz"))[0] == 503
    nats.start()
    await until(lambda: look("/readyz"), lambda seen: seen == (200, "ready"), seconds=20)
    nats.kill()
    await until(lambda: look("/readyz"), lambda seen: seen == (503, "NATS is out of reach"))
    assert await look("/livez") == (200, "live")


async def test_a_service_is_ready_only_with_the_schema_that_it_knows(
    world: World, session: aiohttp.ClientSession
) -> None:
    process = world.services["accounts"]
    owner = await world.connect()
    try:
        async with owner.transaction():
            name = await owner.fetchval("delete from accounts.migrations where name like '0002%' returning name")
        assert await told(session, process, "/readyz") == (503, f"waiting for migrations: {name}")
    finally:
        await owner.execute("insert into accounts.migrations (name) values ($1)", name)
        await owner.close()
    assert await told(session, process, "/readyz") == (200, "ready")


async def test_a_taken_port_ends_the_start_with_its_name(world: World) -> None:
    taken = world.services["accounts"].watched_at.rpartition(":")[2]
    process = world.service("accounts", 78, metrics_port=taken)
    await process.start()
    await process.until_says("WAYPOST_METRICS_PORT: cannot listen on 127.0.0.1")

    async def ended() -> bool:
        return process.ended

    await until(ended, bool)
    assert await process.stop() == 1


async def test_requests_are_counted_by_route_and_never_by_path(
    client: Client, visitor: Client, gateway: Gateway, session: aiohttp.ClientSession
) -> None:
    link = await client.new_link()

    async def requests() -> dict[tuple[str, str, str], float]:
        async with session.get(f"{gateway.process.watched_at}/metrics") as answer:
            page = await answer.text()
        assert link["shortCode"] not in page
        assert link["id"] not in page
        (family,) = (each for each in text_string_to_metric_families(page) if each.name == "waypost_http_requests")
        return {
            tuple(sample.labels[name] for name in ("route", "method", "status")): sample.value  # type: ignore[misc]
            for sample in family.samples
        }

    before = await requests()
    for path, times in ((f"/{link['shortCode']}", 3), (f"/{link['shortCode']}zz", 1)):
        for _ in range(times):
            await visitor.get(path)
    await client.get(f"/v1/links/{link['id']}")
    await client.get("/v1/nothing/here")
    await visitor.get("/livez")
    expected = {
        ("/{slug}", "GET", "302"): 3,
        ("/{slug}", "GET", "404"): 1,
        ("/v1/links/{id}", "GET", "200"): 1,
        ("/v1/none", "GET", "404"): 1,
        ("/livez", "GET", "200"): 1,
    }

    async def grown() -> dict[tuple[str, str, str], float]:
        after = await requests()
        return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}

    await until(grown, lambda seen: seen == expected)  # the last is counted when it has been answered
