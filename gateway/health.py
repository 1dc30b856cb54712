"""Is this gateway alive, and may it be given requests?"""

from starlette.types import Receive, Scope, Send

from gateway.wire import encode
from shared.bus import Bus


class Health:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.stopping = False

    async def live(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Needs nothing: whoever can answer is alive."""
        await _answer(send, 200, "live")

    async def ready(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Needs NATS, but not Valkey, without which the limits are kept locally."""
        if self.stopping:
            await _answer(send, 503, "stopping")
        elif not self._bus.connected:
            await _answer(send, 503, "NATS is out of reach")
        else:
            await _answer(send, 200, "ready")


async def _answer(send: Send, status: int, state: str) -> None:
    body = encode({"status": state})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
