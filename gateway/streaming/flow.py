"""From the pieces of a stream to its client, until one of them ends.

No reader holds up another one: each has a task of its own, and what is not taken is not asked for either.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.admission import Headers
from gateway.joining import abort
from gateway.streaming.places import Ending, Place, Places
from shared.settings import Settings
from shared.stopping import cancel

log = logging.getLogger(__name__)


class Stream(msgspec.Struct, frozen=True):
    """What an endpoint answers whose answer does not end."""

    media_type: str
    pieces: AsyncGenerator[bytes, None]


async def begin(stream: Stream, place: Place, places: Places, settings: Settings) -> "Flow":
    """Waits for the first piece: a `Fault` before it is an answer like any other."""
    try:
        return Flow(stream, await anext(stream.pieces, b""), place, places, settings)
    except BaseException:
        places.leave(place)
        raise


class Flow:
    """One stream on its way to its client, in a place that it gives back in the end."""

    def __init__(self, stream: Stream, first: bytes, place: Place, places: Places, settings: Settings) -> None:
        self._stream = stream
        self._first = first
        self._place = place
        self._places = places
        self._settings = settings

    async def run(self, status: int, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns when the stream has ended, however that came about."""
        head = {"type": "http.response.start", "status": status, "headers": [*self._headers(), *headers]}
        try:
            await send(head)
            ending = Ending.DONE if scope["method"] == "HEAD" else await self._until_the_end(receive, send)
            self._place.end(ending)
        finally:
            await self._stream.pieces.aclose()
            self._places.leave(self._place)
        if ending is not Ending.GONE:
            await self._say_farewell(ending, scope, send)

    def _headers(self) -> Headers:
        return [
            (b"content-type", self._stream.media_type.encode()),
            (b"cache-control", b"no-store"),
            # nginx would gather the pieces until it has a page of them.
            (b"x-accel-buffering", b"no"),
            # Nothing comes after it, and a client that does not read the end can be cut off.
            (b"connection", b"close"),
        ]

    async def _until_the_end(self, receive: Receive, send: Send) -> Ending:
        writing = asyncio.create_task(self._write(send))
        gone = asyncio.create_task(_gone(receive))
        ended = asyncio.create_task(self._place.ended())
        tasks = (writing, gone, ended)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel(tasks)
        if self._place.ending:
            return self._place.ending
        if not gone.cancelled():
            return Ending.GONE
        if crash := writing.exception():
            log.error("A stream ended in a crash", exc_info=crash)
            return Ending.CRASH
        return writing.result()

    async def _write(self, send: Send) -> Ending:
        piece: bytes | None = self._first
        while piece is not None:
            try:
                async with asyncio.timeout(self._settings.stream_patience_seconds):
                    # Returns at once as long as the client reads: what the socket does not take is bounded.
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                return Ending.SLOW
            piece = await anext(self._stream.pieces, None)
        return Ending.DONE

    async def _say_farewell(self, ending: Ending, scope: Scope, send: Send) -> None:
        if ending in (Ending.SLOW, Ending.CRASH):
            abort(scope)
            return
        # Whoever does not read will not take the end either, and must not keep a stopping gateway waiting. But where
        # all has been written, the last of it is waited for as long as every other piece was.
        settings = self._settings
        patience = settings.stream_patience_seconds if ending is Ending.DONE else settings.stream_farewell_seconds
        asyncio.get_running_loop().call_later(patience, abort, scope)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stream_farewell_seconds):
                await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
