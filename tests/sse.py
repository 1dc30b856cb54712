"""A reader of server-sent events, as a browser or a library is one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from tests.client import Client


class Event(msgspec.Struct, frozen=True):
    name: str
    id: str
    data: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.data)


class Watch:
    """One open stream. ``last_id`` is what a client sends when it comes back, as the standard has it."""

    def __init__(self, answer: aiohttp.ClientResponse, last_id: str) -> None:
        self.answer = answer
        self.last_id = last_id
        self.retry: int | None = None
        self.signs_of_life = 0

    @property
    def status(self) -> int:
        return self.answer.status

    async def next(self, seconds: float = 20) -> Event:
        """The next event; fails when none comes in time, and with EOFError when the stream has ended."""
        async with asyncio.timeout(seconds):
            while True:
                if (event := self._dispatch(await self._block())) is not None:
                    return event

    async def some(self, number: int, seconds: float = 20) -> list[Event]:
        return [await self.next(seconds) for _ in range(number)]

    async def end(self, seconds: float) -> list[Event]:
        """The events up to the end of the stream, which comes in time."""
        events = []
        with contextlib.suppress(EOFError):
            async with asyncio.timeout(seconds):
                while True:
                    events.append(await self.next(seconds))
        return events

    async def alive(self, seconds: float = 20) -> None:
        """Returns at the next sign of life that is no event."""
        before = self.signs_of_life
        async with asyncio.timeout(seconds):
            while self.signs_of_life == before:
                assert self._dispatch(await self._block()) is None

    async def _block(self) -> bytes:
        try:
            return await self.answer.content.readuntil(b"\n\n")
        except (asyncio.IncompleteReadError, aiohttp.ClientError, ConnectionError) as error:
            raise EOFError from error

    def _dispatch(self, block: bytes) -> Event | None:
        if not block:
            raise EOFError
        name, data = "message", []
        for line in block.decode().splitlines():
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "":
                self.signs_of_life += line.startswith(":")
            elif field == "event":
                name = value
            elif field == "id":
                self.last_id = value
            elif field == "data":
                data.append(value)
            else:
                assert field == "retry", line
                self.retry = int(value)
        return Event(name, self.last_id, "\n".join(data).encode()) if data else None


@contextlib.asynccontextmanager
async def watch(client: Client, after: str = "", path: str = "/v1/analytics/live") -> AsyncIterator[Watch]:
    """An open stream; ``after`` is the id of the last event that was seen."""
    headers = {"Authorization": f"Bearer {client.key}"} | ({"Last-Event-ID": after} if after else {})
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(client.url + path, headers=headers) as got,
    ):
        watching = Watch(got, after)
        if got.status == 200:
            # The beginning carries an id: from here on nothing is missed.
            assert watching._dispatch(await watching._block()) is None
        yield watching
