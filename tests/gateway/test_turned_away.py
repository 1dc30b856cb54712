"""What the edge refuses on the path of an API counts by its address, and its answer says so."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.client import Client, until
from tests.gateway.answers import RATE_HEADERS
from tests.gateway.limits.server import Server
from tests.gateway.raw import head, wire
from tests.gateway.remembered import remembered_link
from tests.world import PATIENT, Gateway, World

LIMIT = 30
SHARE = LIMIT // 3
SOON = 1.5  # seconds that a slow client is given here
LONG = "/v1/" + "a" * 9_000
NAMES = tuple(name.lower() for name in RATE_HEADERS)


@pytest.fixture(scope="module")
async def limited(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway(
        "gateway-limited",
        limit_address_per_minute=LIMIT,
        header_timeout_seconds=SOON,
        body_timeout_seconds=SOON,
        trusted_proxies="127.77.2.0/24",
        access_log="all",
        **PATIENT,
    )
    yield started
    await started.process.stop()


@pytest.fixture(scope="module")
def addresses() -> Iterator[str]:
    """Addresses that have asked nothing yet."""
    return (f"127.77.{third}.{fourth}" for third in range(40, 60) for fourth in range(1, 255))


REFUSED = [
    pytest.param(head(LONG), 414, id="a long target"),
    pytest.param(head("/v1/links?" + "a" * 70_000), 414, id="a target that never ends"),
    pytest.param(head("/v1/links", *(f"X-{number}: 1" for number in range(101))), 431, id="many headers"),
    pytest.param(head("/v1/links", f"X: {'v' * 1_000_000}"), 431, id="a header of a megabyte"),
    pytest.param(b"GET /v1/links HTTP/1.1\r\n\r\n", 400, id="no host"),
    pytest.param(head("/v1/links", "X: a\x00b"), 400, id="a null byte"),
    pytest.param(b"GET /v1/links HTTP/1.1\r\nHost: h", 408, id="half a head"),
]


@pytest.mark.parametrize(("request_", "status"), REFUSED)
async def test_a_refusal_carries_the_rate_headers_of_a_request_without_a_key(
    limited: Gateway, addresses: Iterator[str], request_: bytes, status: int
) -> None:
    address = next(addresses)
    async with wire(limited, address) as client:
        await client.send(head())
        got, unknown, _ = await client.answer()
        assert got == 401
    for number, prefix in enumerate((b"/v1", b"/api/use"), start=2):
        async with wire(limited, address) as client:
            client.writer.write(request_.replace(b"/v1", prefix, 1))
            got, headers, body = await client.answer()
            assert (got, headers["connection"]) == (status, "close")
            assert json.loads(body)["error"]
            assert int(headers["x-ratelimit-remaining"]) == LIMIT - number
            assert headers["ratelimit"].startswith(f'"address";r={LIMIT - number};t=')
            assert 0 <= int(headers["x-ratelimit-reset"]) - time.time() <= 62
            assert [name for name in headers if "rate" in name] == [name for name in unknown if "rate" in name]
            assert headers["ratelimit-policy"] == unknown["ratelimit-policy"]
            assert await client.ended()


async def test_a_broken_chunk_counts_by_address_whoever_sent_it(
    limited: Gateway, addresses: Iterator[str], client: Client
) -> None:
    lines = (f"Authorization: Bearer {client.key}", "Transfer-Encoding: chunked")
    async with wire(limited, next(addresses)) as raw:
        await raw.send(head("/v1/links", *lines, method="POST") + b"2\r\n{}\r\nno size\r\n")
        got, headers, _ = await raw.answer()
        assert (got, headers["x-ratelimit-remaining"]) == (400, str(LIMIT - 1))
        assert await raw.ended()


async def test_a_body_that_nobody_waits_for_is_refused_with_rate_headers_under_the_id_of_its_request(
    limited: Gateway, world: World, addresses: Iterator[str], client: Client
) -> None:
    lines = (f"Authorization: Bearer {client.key}", "Content-Length: 9")
    assert (await client.at(limited.url).get("/v1/links")).status == 200
    world.services["links"].signal(signal.SIGSTOP)
    try:
        async with wire(limited, next(addresses)) as raw:
            await raw.send(head("/v1/links", *lines) + b"x")
            got, headers, _ = await raw.answer()
            assert (got, headers["x-ratelimit-remaining"]) == (408, str(LIMIT - 1))
            assert await raw.ended()

        async def statuses() -> set[int]:
            lines = [json.loads(line) for line in limited.process.said.splitlines() if headers["x-request-id"] in line]
            return {line["status"] for line in lines}

        # Its handler has waited for something else, and tells of its end under the same id.
        await until(statuses, lambda told: 408 in told and len(told) == 2)
    finally:
        world.services["links"].signal(signal.SIGCONT)


@pytest.mark.parametrize("target", ["http://here{}", "HTTP://u:p@[::1]:80{}", "{}#part", "{}"])
async def test_what_is_refused_speaks_the_dialect_that_the_route_would_have_had(
    limited: Gateway, addresses: Iterator[str], target: str
) -> None:
    paths = {
        "/v1": "/v1",
        "/%61pi/use/links": "/api/use/links",
        "/api%2fuse": "/api/use",
        "/v%31/links?a=/x": "/v1/links",
    }
    for path, decoded in paths.items():
        asked = target.format(path)
        async with wire(limited, next(addresses)) as raw:
            await raw.send(head(asked))
            routed, headers, known = await raw.answer()
            assert (routed in (200, 401, 404), headers["x-ratelimit-remaining"]) == (True, str(LIMIT - 1)), asked
            await raw.send(head(asked, "Host: there"))
            got, headers, body = await raw.answer()
        assert (got, headers["x-ratelimit-remaining"]) == (400, str(LIMIT - 2)), asked
        if routed != 200:
            assert json.loads(body).keys() == json.loads(known).keys()
        if decoded.startswith("/api"):
            assert json.loads(body)["path"] == decoded


async def test_on_one_connection_each_answer_has_its_own_count(limited: Gateway, addresses: Iterator[str]) -> None:
    async with wire(limited, next(addresses)) as client:
        for number in (1, 2):
            await client.send(head("/api/use"))
            got, headers, _ = await client.answer()
            assert (got, headers["x-ratelimit-remaining"]) == (200, str(LIMIT - number))
        await client.send(head(LONG) + head("/api/use"))
        got, headers, _ = await client.answer()
        assert (got, headers["x-ratelimit-remaining"]) == (414, str(LIMIT - 3))
        assert await client.ended()


async def test_what_is_pipelined_behind_a_redirect_is_answered_after_it(
    limited: Gateway, addresses: Iterator[str], client: Client, visitor: Client
) -> None:
    link = await remembered_link(client, visitor.at(limited.url))
    path = f"/{link['shortCode']}"
    async with wire(limited, next(addresses)) as raw:
        await raw.send(head(path) + head(LONG) + head(path))
        got, headers, _ = await raw.answer()
        assert got == 302
        assert not set(NAMES) & set(headers)
        got, headers, _ = await raw.answer()
        assert (got, headers["x-ratelimit-remaining"]) == (414, str(LIMIT - 1))
        assert await raw.ended()


async def test_who_sends_no_more_still_hears_the_answer(limited: Gateway, addresses: Iterator[str]) -> None:
    address = next(addresses)
    for number in range(1, 6):
        async with wire(limited, address) as client:
            client.writer.write(head(LONG))
            client.writer.write_eof()
            got, headers, _ = await client.answer()
            assert (got, headers["x-ratelimit-remaining"]) == (414, str(LIMIT - number))
            assert await client.ended()


async def test_a_flood_of_refusals_uses_up_what_its_address_has_without_a_key(
    limited: Gateway, addresses: Iterator[str], client: Client
) -> None:
    address = next(addresses)

    async def refused() -> tuple[int, dict[str, str], bytes]:
        async with wire(limited, address) as raw:
            raw.writer.write(head(LONG))
            return await raw.answer()

    answers = await asyncio.gather(*(refused() for _ in range(LIMIT * 3)))
    # What it is does not change with the limit, and nobody is told to come back with it.
    assert {status for status, _, _ in answers} == {414}
    assert not any("retry-after" in headers for _, headers, _ in answers)
    left = sorted(int(headers["x-ratelimit-remaining"]) for _, headers, _ in answers)
    assert left == [0] * (LIMIT * 2) + list(range(LIMIT))
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        here = Client(session, limited.url, client.key, None)
        without = await here.with_key(None).get("/api/use")
        assert (without.status, int(without.headers["Retry-After"]) >= 1) == (429, True)
        assert (await here.get("/v1/links")).status == 200


async def test_a_proxy_is_believed_when_the_whole_head_is_there(limited: Gateway) -> None:
    async def left(request: bytes) -> str:
        async with wire(limited, "127.77.2.7") as client:
            client.writer.write(request)
            return (await client.answer())[1]["x-ratelimit-remaining"]

    named = "X-Forwarded-For: 203.0.113.9"
    assert [await left(head(LONG, named)) for _ in range(2)] == [str(LIMIT - 1), str(LIMIT - 2)]
    # Here another line could have followed.
    assert await left(head(LONG, named)[:-2] + b"X: \x00") == str(LIMIT - 1)
    assert await left(head(LONG)) == str(LIMIT - 2)


async def test_elsewhere_a_refusal_carries_no_rate_headers_and_counts_nothing(
    limited: Gateway, addresses: Iterator[str]
) -> None:
    address = next(addresses)
    for path in ("/" + "a" * 9_000, "/v1x/" + "a" * 9_000, "/api/docs?" + "a" * 9_000):
        async with wire(limited, address) as client:
            client.writer.write(head(path))
            got, headers, _ = await client.answer()
            assert (got, set(NAMES) & set(headers)) == (414, set())
    async with wire(limited, address) as client:
        await client.send(head("/api/use"))
        assert (await client.answer())[1]["x-ratelimit-remaining"] == str(LIMIT - 1)


async def test_without_a_limit_by_address_there_is_no_number_to_tell(gateway: Gateway) -> None:
    async with wire(gateway) as client:
        client.writer.write(head(LONG))
        got, headers, _ = await client.answer()
        assert (got, set(NAMES) & set(headers)) == (414, set())


@pytest.fixture
async def apart(world: World, tmp_path: Path) -> AsyncIterator[tuple[Gateway, Server]]:
    """A gateway with a Valkey of its own, and a share of a third in each limit."""
    valkey = Server(tmp_path)
    valkey.start()
    gateway = await world.start_gateway(
        "gateway-apart",
        redis_url=valkey.url,
        limit_address_per_minute=LIMIT,
        limit_patience_seconds=10,  # so that a hung Valkey is waited for as long as its connection may be silent
        gateway_workers=LIMIT // SHARE,
        header_timeout_seconds=SOON,
    )
    yield gateway, valkey
    await gateway.process.stop()
    valkey.stop()


@pytest.mark.parametrize("hangs", [True, False], ids=["hung", "gone"])
async def test_without_valkey_the_answer_comes_soon_with_what_this_gateway_counts(
    apart: tuple[Gateway, Server], hangs: bool
) -> None:
    gateway, valkey = apart
    assert await _remaining(gateway) == LIMIT - 1
    if hangs:
        valkey.hang()
    else:
        valkey.kill()
    began = time.monotonic()
    assert [await _remaining(gateway) for _ in range(SHARE + 3)] == [*reversed(range(SHARE)), 0, 0, 0]
    # The first one waits a second, where each of them could.
    assert time.monotonic() - began < SHARE
    if hangs:
        valkey.go_on()
    else:
        valkey.start()
    at_most = LIMIT - 2 if hangs else LIMIT - 1
    left, _ = await until(lambda: _remaining(gateway), lambda left: left > SHARE)
    assert SHARE < left <= at_most


async def _remaining(gateway: Gateway) -> int:
    async with wire(gateway) as client:
        client.writer.write(head(LONG))
        got, headers, _ = await client.answer()
        assert got == 414
        return int(headers["x-ratelimit-remaining"])


async def test_who_goes_away_while_it_is_counted_leaves_nothing_behind(apart: tuple[Gateway, Server]) -> None:
    gateway, valkey = apart
    valkey.hang()
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(wire(gateway)) for _ in range(50)]
        for each in wires:
            await each.send(head(LONG))

        async def refused() -> bool:
            async with session.get(f"{gateway.url}/metrics") as metrics:
                return 'waypost_edge_refusals_total{status="414"} 50.0' in await metrics.text()

        await until(refused, bool)
        for each in wires:
            each.writer.transport.abort()
    # Whoever comes later is counted later.
    assert await _remaining(gateway) < SHARE
    assert await gateway.process.stop() == 0
    said = gateway.process.said
    assert "Traceback" not in said
    assert "socket.send()" not in said


async def test_what_is_late_while_a_refusal_is_counted_is_not_told_as_well(apart: tuple[Gateway, Server]) -> None:
    gateway, valkey = apart
    valkey.hang()
    async with wire(gateway) as client:
        await client.send(b"GET /v1/")
        client.writer.write(b"a" * 70_000)
        got, headers, _ = await client.answer()
        assert (got, headers["x-ratelimit-remaining"]) == (414, str(SHARE - 1))
        assert await client.ended()
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.url}/metrics") as metrics:
        assert 'waypost_edge_refusals_total{status="408"} 0.0' in await metrics.text()
