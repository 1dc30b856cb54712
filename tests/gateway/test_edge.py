"""What comes over the wire before it is a request: too long, too slow, ambiguous, or nothing at all."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.client import Client
from tests.gateway.raw import Wire, head, wire
from tests.world import Gateway, World

SOON = 1.5  # seconds that a slow client is given here
TRICKLERS = 500
READS_PER_SECOND = 50


@pytest.fixture(scope="module")
async def hasty(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway(
        "gateway-hasty",
        header_timeout_seconds=SOON,
        body_timeout_seconds=SOON,
        send_timeout_seconds=SOON,
        limit_address_per_minute=0,
        limit_address_keyed_per_minute=0,
        limit_misses_per_minute=0,
    )
    yield started
    await started.process.stop()


TOO_MUCH = [
    pytest.param(head("/v1/" + "a" * 9_000), 414, id="a long target"),
    pytest.param(head("/v1/links?" + "a" * 70_000), 414, id="a target that never ends"),
    pytest.param(head("/v1/links", *(f"X-{number}: 1" for number in range(101))), 431, id="many headers"),
    pytest.param(head("/v1/links", *(f"X-{number}: {'v' * 400}" for number in range(50))), 431, id="much in headers"),
    pytest.param(head("/v1/links", f"X: {'v' * 1_000_000}"), 431, id="a header of a megabyte"),
    pytest.param(head("/v1/links", f"{'n' * 20_000}: v"), 431, id="a long name"),
]
AMBIGUOUS = [
    pytest.param(b"GET /v1/links HTTP/1.1\r\n\r\n", id="no host"),
    pytest.param(head("/v1/links", "Host: there"), id="two hosts"),
    pytest.param(
        head("/v1/links", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST"), id="both lengths"
    ),
    pytest.param(head("/v1/links", "Content-Length: 5", "Content-Length: 6", method="POST"), id="two lengths"),
    pytest.param(head("/v1/links", "Content-Length: +5", method="POST"), id="a length with a sign"),
    pytest.param(head("/v1/links", "Content-Length: 5 5", method="POST"), id="a list of lengths"),
    pytest.param(head("/v1/links", "Transfer-Encoding: chunked, gzip", method="POST"), id="chunks inside"),
    pytest.param(head("/v1/links", "Transfer-Encoding: xchunked", method="POST"), id="chunks of another kind"),
    pytest.param(head("/v1/links", "Transfer-Encoding : chunked", method="POST"), id="a space before the colon"),
    pytest.param(head("/v1/links", "X: a\r\n b"), id="a folded line"),
    pytest.param(head("/v1/links", "X: a\x00b"), id="a null byte"),
    pytest.param(b"GET /v1/links HTTP/1.1\nHost: here\n\n", id="bare line feeds"),
    pytest.param(b"GET /v1/links HTTP/3.9\r\nHost: here\r\n\r\n", id="another version"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
    pytest.param(bytes(range(255, 127, -1)) * 8, id="noise"),
]


@pytest.mark.parametrize(("request_", "status"), TOO_MUCH)
async def test_what_is_too_long_is_refused_in_the_dialects_words(
    gateway: Gateway, request_: bytes, status: int
) -> None:
    async with wire(gateway) as client:
        client.writer.write(request_)
        got, headers, body = await client.answer()
        assert (got, headers["connection"]) == (status, "close")
        assert json.loads(body)["error"]["code"] == "VALIDATION_ERROR"
        assert await client.ended()
    async with wire(gateway) as client:
        client.writer.write(request_.replace(b"/v1/", b"/api/use/", 1))
        got, _, body = await client.answer()
        assert (got, json.loads(body)["error"], json.loads(body)["statusCode"]) == (status, "PayloadTooLarge", status)


@pytest.mark.parametrize("path", ["/v1/", "/api/use/", "/@", "/"])
async def test_a_refusal_bears_the_id_that_its_line_in_the_log_names(gateway: Gateway, path: str) -> None:
    async with wire(gateway) as client:
        client.writer.write(head(path + "a" * 9_000))
        got, headers, _ = await client.answer()
    assert got == 414
    said = [line for line in gateway.process.said.splitlines() if headers["x-request-id"] in line]
    (line,) = map(json.loads, said)
    assert (line["request"], line["status"], line["reason"]) == (headers["x-request-id"], 414, "target")


@pytest.mark.parametrize("request_", AMBIGUOUS)
async def test_what_two_servers_could_read_differently_is_read_by_nobody(gateway: Gateway, request_: bytes) -> None:
    async with wire(gateway) as client:
        # Whatever follows is not taken for a request of its own.
        await client.send(request_ + b"1\r\nA\r\n0\r\n\r\n" + head("/livez"))
        got, headers, _ = await client.answer()
        assert (got, headers["connection"]) == (400, "close")
        assert await client.ended()


async def test_a_broken_request_behind_a_good_one_takes_nothing_from_it(gateway: Gateway) -> None:
    async with wire(gateway) as client:
        await client.send(head("/livez") + head("/livez", "Host: there"))
        got, _, _ = await client.answer()
        assert got == 200
        rest = await asyncio.wait_for(client.reader.read(), 20)
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_that_is_too_long_is_413_however_it_is_sent(
    client: Client, gateway: Gateway, chunked: bool
) -> None:
    lines = (f"Authorization: Bearer {client.key}", "Content-Type: application/json")
    size = 262_145
    async with wire(gateway) as raw:
        if chunked:
            await raw.send(head("/v1/links", *lines, "Transfer-Encoding: chunked", method="POST"))
            for _ in range(5):
                raw.writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        else:
            await raw.send(head("/v1/links", *lines, f"Content-Length: {size}", method="POST"))
        got, headers, body = await raw.answer()
        assert (got, json.loads(body)["error"]["code"]) == (413, "VALIDATION_ERROR")
        # Or a client would send its next request behind a body that nobody reads.
        assert headers["connection"] == "close"
        assert await raw.ended()


async def test_a_client_whose_body_was_too_long_goes_on_with_its_next_request(client: Client) -> None:
    for size in (263_000, 400_000, 900_000):
        assert (await client.post("/v1/links", data=b'{"title":"' + b"x" * size)).status == 413
        assert (await client.post("/v1/links", {"title": "x", "url": "https://example.com"})).status == 201


async def test_a_client_that_has_its_answer_and_sends_on_is_left(gateway: Gateway) -> None:
    async with wire(gateway) as client:
        await client.send(head("/livez", f"Content-Length: {1 << 30}"))
        got, _, _ = await client.answer()
        assert got == 200
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                while not client.reader.at_eof():
                    await client.send(b" " * 65_536)
        assert await client.ended()


async def test_headers_that_trickle_are_told_408_and_silence_is_told_nothing(hasty: Gateway) -> None:
    began = time.monotonic()
    async with wire(hasty) as slow, wire(hasty) as silent, wire(hasty) as again:
        await again.send(head("/livez"))
        assert (await again.answer())[0] == 200
        await again.send(b"GET /v1/li")
        await slow.send(b"GET /v1/links HTTP/1.1\r\nHost: h")
        trickling = asyncio.create_task(_trickle(slow))
        got, _, body = await slow.answer()
        assert (got, json.loads(body)["error"]["code"]) == (408, "VALIDATION_ERROR")
        assert SOON <= time.monotonic() - began < 20
        assert await silent.ended(20)
        assert (await again.answer())[0] == 408
        trickling.cancel()


async def _trickle(client: Wire) -> None:
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            await client.send(b"x")
            await asyncio.sleep(0.05)


async def test_line_ends_now_and_then_do_not_keep_a_connection(world: World) -> None:
    gateway = await world.start_gateway("gateway-brief", keep_alive_seconds=1)
    try:
        async with wire(gateway) as client:
            await client.send(head("/livez"))
            await client.answer()
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while not client.reader.at_eof() and time.monotonic() - began < 20:
                    await client.send(b"\r\n")
                    await asyncio.sleep(0.1)
            assert time.monotonic() - began < 15
    finally:
        await gateway.process.stop()


async def test_a_body_that_trickles_is_refused_whether_or_not_it_is_wanted(hasty: Gateway, client: Client) -> None:
    lines = (f"Authorization: Bearer {client.key}", "Content-Type: application/json", "Content-Length: 1000")
    async with wire(hasty) as wanted, wire(hasty) as unwanted:
        await wanted.send(head("/v1/links", *lines, method="POST") + b'{"title":')
        await unwanted.send(head("/livez", "Content-Length: 1000") + b"x")
        trickling = [asyncio.create_task(_trickle(each)) for each in (wanted, unwanted)]
        got, _, body = await wanted.answer()
        assert (got, json.loads(body)["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert (await unwanted.answer())[0] == 200
        assert await wanted.ended()
        assert await unwanted.ended()
        for each in trickling:
            each.cancel()


async def test_a_client_that_does_not_read_is_left(hasty: Gateway) -> None:
    async with wire(hasty) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        wanted = head("/api/docs/openapi.json?dialect=use")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                for _ in range(400):
                    await client.send(wanted)
                while not client.writer.is_closing():
                    client.writer.write(b"\r\n")
                    await asyncio.sleep(0.1)
    async with aiohttp.ClientSession() as session, session.get(f"{hasty.url}/metrics") as metrics:
        assert 'waypost_edge_cuts_total{reason="send"}' in await metrics.text()


async def test_five_hundred_trickling_connections_leave_the_others_fully_served(
    gateway: Gateway, client: Client
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(wire(gateway)) for _ in range(TRICKLERS)]
        for number, each in enumerate(wires):
            await each.send(head("/v1/links", "Content-Length: 1000")[: 20 + number % 40])

        async def read() -> Any:
            return await client.get("/v1/links?limit=10")

        reads = []
        for number in range(READS_PER_SECOND * 2):
            reads.append(asyncio.create_task(read()))
            if number % 5 == 0:
                for each in wires[number :: READS_PER_SECOND * 2]:
                    each.writer.write(b"x")
            await asyncio.sleep(1 / READS_PER_SECOND)
        answers = await asyncio.gather(*reads)
        assert [answer.status for answer in answers] == [200] * len(reads)
