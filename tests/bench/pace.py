"""Requests at a given pace, whatever the answers take: the load that a server cannot slow down.

wrk sends the next request when it has the answer to the last, so a server that stalls is asked less and looks better
than it is. Here every request has its moment, and what it takes is counted from that moment on.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

import msgspec

_REST_SECONDS = 3.0
_LATER = 503


class Done(msgspec.Struct, frozen=True):
    """Seconds of the performance counter: when a request was due, and when its answer was there."""

    due: float
    answered: float

    @property
    def took(self) -> float:
        return self.answered - self.due


class Connection(asyncio.Protocol):
    """One request at a time; answers must tell their Content-Length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._read = b""
        self._used = time.monotonic()

    @property
    def worn(self) -> bool:
        """The server closes what rests for some seconds, and may be about to."""
        return self._transport is None or self._transport.is_closing() or time.monotonic() - self._used > _REST_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Whatever uvloop's transports can do, they do not name themselves one.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or not self._waiter:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._read = b""
            self._waiter.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(ConnectionError("The server has closed the connection") if exc is None else exc)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body."""
        assert self._transport
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        answer = await self._waiter
        self._used = time.monotonic()
        return answer

    def close(self) -> None:
        if self._transport:
            self._transport.close()


class Crew:
    """Connections that take turns, the one that has rested least first."""

    def __init__(self, url: str, connections: int) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port or 80
        self._head = f"\r\nHost: {where.netloc}\r\n"
        self._free = deque(Connection() for _ in range(connections))
        self._places = asyncio.Semaphore(connections)

    async def ask(self, request: str, status: int) -> bytes:
        """The body; an error when the status is another."""
        got, body = await self._exchange(request)
        if got != status:
            raise RuntimeError(f"{request.splitlines()[0]} was answered {got}: {body[:200].decode()}")
        return body

    async def rush(self, requests: Sequence[str], *, status: int) -> None:
        """All of them, as fast as the connections allow; whoever is told to come again later does so at once."""
        left = iter(requests)

        async def work() -> None:
            for request in left:
                while (got := (await self._exchange(request))[0]) == _LATER:
                    pass
                if got != status:
                    raise RuntimeError(f"{request.splitlines()[0]} was answered {got}")

        await asyncio.gather(*(work() for _ in self._free))

    async def pace(self, requests: Sequence[str], *, per_second: float, status: int) -> list[Done]:
        """Each at its moment, in the order in which they were due."""
        begin = time.perf_counter() + 0.05
        return list(
            await asyncio.gather(
                *(self._at(begin + place / per_second, request, status) for place, request in enumerate(requests))
            )
        )

    async def _exchange(self, request: str) -> tuple[int, bytes]:
        async with self._places:
            connection = self._free.pop()
            try:
                if connection.worn:
                    connection.close()
                    connection = await self._open()
                return await connection.ask(request.replace("\r\n", self._head, 1).encode())
            finally:
                self._free.append(connection)

    async def _open(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        return connection

    async def _at(self, due: float, request: str, status: int) -> Done:
        await asyncio.sleep(due - time.perf_counter())
        await self.ask(request, status)
        return Done(due, time.perf_counter())


def get(path: str, key: str | None = None) -> str:
    """A request without its Host, which the crew knows."""
    shown = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\n{shown}User-Agent: waypost-bench\r\n\r\n"


def post(path: str, key: str, body: str) -> str:
    """The same with a body, which is JSON in ASCII."""
    head = f"Authorization: Bearer {key}\r\nUser-Agent: waypost-bench\r\nContent-Type: application/json\r\n"
    return f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that at least ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
