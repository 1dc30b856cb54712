"""Visitors who come at a steady pace, whoever hangs or dies meanwhile, and write down what they were answered."""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import msgspec

from tests.chaos.ledger import Ledger
from tests.shared.waiting import until

PATIENCE_SECONDS = 2.0  # after it most visitors go away without an answer
MOST_WAITING = 400  # visitors at the same time; past it a slot stays empty
STAYING = 0.7  # how likely a visitor's connection serves the next one
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wait(msgspec.Struct, frozen=True):
    began: float  # of the monotonic clock
    seconds: float
    good: bool  # ended with a redirect


class Crowd:
    """Speaks HTTP itself, because a client that repeats a request by itself would send the same token twice."""

    def __init__(
        self,
        doors: Sequence[str],
        slugs: Sequence[str],
        ledger: Ledger,
        dice: random.Random,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """``doors`` are URLs of gateways; whoever finds one closed tries the next."""
        self.waits: list[Wait] = []
        self._doors = [urlsplit(door) for door in doors]
        self._slugs = slugs
        self._ledger = ledger
        self._dice = dice
        self._patience = patience
        self._idle: deque[Connection] = deque()
        self._waiting: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def clicking(self, per_second: float) -> AsyncIterator[None]:
        """Clicks as long as the block runs; when it is left every visitor has gone."""
        coming = asyncio.create_task(self._come(per_second))
        try:
            yield
        finally:
            coming.cancel()
            await asyncio.wait([coming, *self._waiting])
            self.leave()
        # A failure in here is one of the proof itself.
        if not coming.cancelled():
            coming.result()

    def leave(self) -> None:
        """Closes the connections that are kept for the next visitors."""
        while self._idle:
            self._idle.pop()[1].close()

    async def until_answered(self, clicks: int, seconds: float) -> None:
        """While they click: returns when that many redirects have come in all."""
        await until(lambda: len(self._ledger.answered) >= clicks, seconds)

    async def click(self) -> bool:
        """One click of one visitor; whether a redirect came."""
        token = self._ledger.new_token()
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                status = await self._get(f"/{self._dice.choice(self._slugs)}?t={token}")
        except (OSError, EOFError):
            self._ledger.unanswered.add(token)
            status = 0
        else:
            (self._ledger.answered if status == 302 else self._ledger.refused).add(token)
        self.waits.append(Wait(began, time.monotonic() - began, status == 302))
        return status == 302

    async def _come(self, per_second: float) -> None:
        began, slot = time.monotonic(), 0
        while True:
            slot += 1
            await asyncio.sleep(max(0.0, began + slot / per_second - time.monotonic()))
            if len(self._waiting) < MOST_WAITING:
                task = asyncio.create_task(self._visit())
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)

    async def _visit(self) -> None:
        await self.click()

    async def _get(self, target: str) -> int:
        reader, writer = await self._connection()
        try:
            writer.write(f"GET {target} HTTP/1.1\r\nHost: here\r\nUser-Agent: {AGENT}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
        except BaseException:
            writer.transport.abort()
            raise
        status = int(head.split(None, 2)[1])
        # Others may have a body; and whoever never leaves would only ever meet one of the gateways.
        if status == 302 and self._dice.random() < STAYING:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.popleft()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        doors = self._dice.sample(self._doors, len(self._doors))
        for door in doors[:-1]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(door.hostname, door.port)
        return await asyncio.open_connection(doors[-1].hostname, doors[-1].port)
