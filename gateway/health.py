"""Is this gateway alive, and may it be given requests?"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.pages import link as pages
from gateway.redirect.door import show
from gateway.wire import encode
from shared.readiness import READY, Readiness


class Health(Readiness):
    """Needs NATS, but not Valkey, without which the limits are kept locally."""

    async def live(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Needs nothing: whoever can answer is alive."""
        await _answer(send, 200, "live")

    async def ready(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        word = await self.word()
        await _answer(send, 200 if word == READY else 503, word)


class Starting:
    """The application until the real one stands. It keeps no connection, so that the next request meets that one."""

    def __init__(self, health: Health) -> None:
        self._pages = {"/livez": health.live, "/readyz": health.ready}
        self.successor: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.successor:
            await self.successor(scope, receive, send)
            return

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        if page := self._pages.get(scope["path"]):
            await page(scope, receive, send_last)
        else:
            await show(send_last, pages.unavailable())


async def _answer(send: Send, status: int, state: str) -> None:
    body = encode({"status": state})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
