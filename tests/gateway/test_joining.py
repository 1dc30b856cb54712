"""Answers leave in one piece, and nothing of them is lost on the way."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from gateway import limits
from gateway.addresses import Addresses
from gateway.admission import Counting
from gateway.dialects import DIALECTS
from gateway.joining import MOST_HELD_BYTES, Joining
from gateway.limits import Limiter
from gateway.refusals import Words
from gateway.server import server
from shared.settings import Settings

LONG = bytes(range(256)) * 8192  # 2 MiB


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    body = LONG if scope["path"] == "/long" else b"short"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for begin in range(0, len(body), 10_000):
        part = body[begin : begin + 10_000]
        await send({"type": "http.response.body", "body": part, "more_body": begin + 10_000 < len(body)})


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    settings = Settings.read({"WAYPOST_NATS_URL": "nats://unused", "WAYPOST_REDIS_URL": "redis://unused"})
    limiter = Limiter(limits.connect(settings), settings)
    counting = Counting(limiter, Addresses(""), settings)
    http = server(application, application, Words(DIALECTS), counting, settings)
    serving = asyncio.create_task(http.serve(sockets=[listener]))
    yield listener.getsockname()
    http.should_exit = True
    await serving
    await limiter.close()


async def ask(address: tuple[str, int], requests: bytes) -> bytes:
    """All that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(requests)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def request(path: str, *, method: str = "GET", last: bool = True) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: here\r\n{'Connection: close' if last else 'X: y'}\r\n\r\n".encode()


async def test_an_answer_comes_whole_however_long_it_is(address: tuple[str, int]) -> None:
    head, _, body = (await ask(address, request("/long"))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == LONG


async def test_the_answer_to_head_has_no_body_and_does_not_wait_for_one(address: tuple[str, int]) -> None:
    head, _, body = (await ask(address, request("/", method="HEAD"))).partition(b"\r\n\r\n")
    assert b"content-length: 5" in head
    assert not body


async def test_requests_in_one_go_are_answered_one_after_the_other(address: tuple[str, int]) -> None:
    answers = await ask(address, request("/", last=False) * 20 + request("/"))
    assert answers.count(b"HTTP/1.1 200") == 21
    assert answers.count(b"\r\n\r\nshort") == 21


async def test_a_client_that_reads_slowly_gets_everything(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address, limit=4096)
    writer.write(request("/long"))
    await reader.readuntil(b"\r\n\r\n")
    got = 0
    while part := await reader.read(50_000):
        got += len(part)
        await asyncio.sleep(0)
    assert got == len(LONG)
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_goes_in_the_middle_harms_nobody(address: tuple[str, int]) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection(*address)
        writer.write(request("/long"))
        writer.transport.abort()
    assert (await ask(address, request("/"))).endswith(b"short")


class Wire(asyncio.Transport):
    """What reaches the socket, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        assert not self.closed
        self.pieces.append(data)

    def close(self) -> None:
        self.closed = True


async def test_head_and_body_leave_together() -> None:
    wire = Wire()
    joining = Joining(wire)
    joining.write(b"head")
    joining.write(b"")
    joining.write(b"body")
    assert not wire.pieces
    await asyncio.sleep(0)
    assert wire.pieces == [b"headbody"]


async def test_what_was_written_before_the_end_still_leaves() -> None:
    wire = Wire()
    joining = Joining(wire)
    joining.write(b"head")
    joining.close()
    await asyncio.sleep(0)
    assert wire.pieces == [b"head"]
    assert wire.closed


async def test_a_long_answer_is_not_held_back() -> None:
    wire = Wire()
    joining = Joining(wire)
    joining.write(b"x" * (MOST_HELD_BYTES + 1))
    assert wire.pieces
