"""Is this gateway alive, and may it be given requests?"""

from starlette.types import Receive, Scope, Send

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


async def _answer(send: Send, status: int, state: str) -> None:
    body = encode({"status": state})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
