"""How connections end: all of a server's when it stops, and one whose client still sends."""

import asyncio
from collections.abc import Callable
from typing import Any


class Departure:
    """Shared by all connections of a server: when it has begun, each answer is the last of its connection."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = False


class LastWords(asyncio.Transport):
    """For an answer to a client that still sends: closed at once, the connection could take the answer with it."""

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._end = end

    def write(self, data: Any) -> None:
        self._transport.write(data)

    def close(self) -> None:
        self._end()
