"""``python -m tests.bench.told PORT``: somebody who is told of things, and thanks with as little work as can be."""

import asyncio
import re
import sys
from typing import cast

import uvloop

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)")
_THANKS = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Told(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < end:
                return
            self._buffer = self._buffer[end:]
            if self._transport:
                self._transport.write(_THANKS)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Told, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
