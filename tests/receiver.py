"""Somebody's server that webhooks are sent to."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web

from tests import described
from tests.client import until
from tests.servers import free_port


class Received(msgspec.Struct, frozen=True):
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def event(self) -> str:
        return self.headers["x-webhook-event"]


class Receiver:
    """Answers every delivery with ``status`` and keeps it, once it is started; before that, nobody is there."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hooks/waypost"
        self.status = 200
        self.received: list[Received] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hooks/waypost", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def until(self, event: str, count: int = 1, *, seconds: float = 20) -> list[Received]:
        """Waits until so many deliveries of an event have arrived, and sees to it that they are as documented."""

        async def look() -> list[Received]:
            return [each for each in self.received if each.event == event]

        seen, _ = await until(look, lambda found: len(found) >= count, seconds=seconds)
        found: list[Received] = seen
        for each in found:
            described.check_message(each.body)
        return found

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        return web.Response(status=self.status, text="Thank you")


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
