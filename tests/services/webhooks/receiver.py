"""Somebody who is told: an HTTP server on the loopback that notes what comes and answers by a script."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from tests.shared.waiting import until


class Received(NamedTuple):
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: datetime
    number: int  # among those of the same message, from 1

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


# Answers one message. What it writes goes out as it is; when it returns, the next message may come.
Script = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


FLOOD_BYTES = 160 * 65_536


async def ok(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(200, b"thanks"))


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    # Neither 204 nor 304 has a body, and what says otherwise is no HTTP.
    length = [] if status in (204, 304) else [f"Content-Length: {len(body)}"]
    head = [f"HTTP/1.1 {status} Whatever", *length, *lines, "", ""]
    return "\r\n".join(head).encode() + body


def always(status: int, body: bytes = b"", **headers: str) -> Script:
    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status, body, **headers))

    return script


def by_path(**headers: str) -> Script:
    """The status that the path names."""

    async def script(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(int(received.path.strip("/")), b"", **headers))

    return script


def fails(times: int, status: int = 500) -> Script:
    """Each message so many times, then takes it."""

    async def script(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status if received.number <= times else 200))

    return script


async def hangs(_: Received, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def drips(_: Received, writer: asyncio.StreamWriter) -> None:
    """A head that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Drip: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def nonsense(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02 what?\r\n\r\n")
    writer.close()


async def stops_in_the_body(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
    await writer.wait_closed()


def when(let: asyncio.Event) -> Script:
    """Each message, as soon as it is let."""

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        await let.wait()
        writer.write(answer(200))

    return script


def takes(seconds: float) -> Script:
    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(answer(200))

    return script


async def resets(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


class Flood:
    """Ten megabytes for an answer; notes how many of them went out."""

    def __init__(self) -> None:
        self.written = 0

    async def __call__(self, _: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {FLOOD_BYTES}\r\n\r\n".encode())
        while self.written < FLOOD_BYTES:
            writer.write(b"x" * 65_536)
            await writer.drain()
            self.written += 65_536


class Receiver:
    def __init__(self) -> None:
        self.received: list[Received] = []
        self.script: Script = ok
        self.connections = 0
        self.under_way = 0
        self.most_under_way = 0
        self.port = 0
        self._times: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def at(self, path: object) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def ids(self) -> list[str]:
        return [received.id for received in self.received]

    async def until(self, number: int, seconds: float = 20.0) -> list[Received]:
        """Waits for so many messages in all."""
        await until(lambda: len(self.received) >= number, seconds)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                await self._take(await self._read(reader), writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _take(self, received: Received, writer: asyncio.StreamWriter) -> None:
        self.received.append(received)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.script(received, writer)
            await writer.drain()
        finally:
            self.under_way -= 1

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        message = headers.get("webhook-id", "")
        self._times[message] = self._times.get(message, 0) + 1
        return Received(head[0].split(" ")[1], headers, body, datetime.now(UTC), self._times[message])


@contextlib.asynccontextmanager
async def receiving(script: Script = ok, *hosts: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """On the same port of each of the hosts; by default 127.0.0.1."""
    receiver = Receiver()
    receiver.script = script
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    first, *others = hosts or ("127.0.0.1",)
    servers = [await asyncio.start_server(connected, first, 0, ssl=tls)]
    receiver.port = servers[0].sockets[0].getsockname()[1]
    servers += [await asyncio.start_server(connected, host, receiver.port, ssl=tls) for host in others]
    try:
        yield receiver
    finally:
        for server in servers:
            server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # One more turn of the loop, in which the closed connections go.
        await asyncio.sleep(0)
