"""Connections on which a test says what it likes, byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from tests.world import Gateway


class Wire:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(first.split()[1]), headers, body

    async def ended(self, within_seconds: float = 20) -> bool:
        """Does the other side close, with nothing more to say?"""
        with contextlib.suppress(ConnectionResetError):
            return await asyncio.wait_for(self.reader.read(), within_seconds) == b""
        return True


@contextlib.asynccontextmanager
async def wire(gateway: Gateway, address: str | None = None) -> AsyncIterator[Wire]:
    """``address``: whence; nobody else's counters stand in the way of one that a test has chosen."""
    at = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port, local_addr=(address, 0) if address else None)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def head(path: str = "/v1/links", *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: here", *lines, "", ""]).encode("latin-1")
