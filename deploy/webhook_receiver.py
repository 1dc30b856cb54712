"""A server for trying webhooks out: it shows what arrives, and whether it was signed with the secret."""

import base64
import contextlib
import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from deploy.local import ports

HOST = "127.0.0.1"
TOLERANCE_SECONDS = 300
_STOP_SECONDS = 2.0
_LARGEST_BODY = 4_194_304
_PREFIX = "whsec_"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    event: str | None
    id: str | None
    at: str | None  # when the attempt was made, as the sender says
    verified: bool | None  # None: there is no secret to verify it with
    problem: str | None
    body: msgspec.Raw  # JSON


class Receiver:
    def __init__(self, show: Callable[[Arrival], None]) -> None:
        self.key: bytes | None = None
        self._show = show

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[str]:
        """The address at which it listens; port 0 is any free one."""
        runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        try:
            listener = ports.listen(HOST, port)
            await web.SockSite(runner, listener).start()
            yield f"{ports.url(listener)}/"
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        body = await request.clone(client_max_size=_LARGEST_BODY).read()
        problem = None if self.key is None else problem_of(request.headers, body, self.key, time.time())
        self._show(
            Arrival(
                event=_text(request.headers.get("X-Webhook-Event")),
                id=_text(request.headers.get("X-Webhook-Id")),
                at=_at(request.headers.get("X-Webhook-Timestamp", "")),
                verified=None if self.key is None else problem is None,
                problem=problem,
                body=_json(body),
            )
        )
        return web.Response(status=204) if problem is None else web.Response(status=401, text=problem)


def key_of(secret: str) -> bytes | None:
    """The bytes that sign; none when this is no secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        return None
    return key if secret.startswith(_PREFIX) and key else None


def problem_of(headers: Mapping[str, str], body: bytes, key: bytes, now: float) -> str | None:
    """Why this is not to be trusted; None: it is. ``headers`` take names in any case, ``now`` is in Unix seconds."""
    message, timestamp = headers.get("X-Webhook-Id", ""), headers.get("X-Webhook-Timestamp", "")
    signature = headers.get("X-Webhook-Signature", "")
    if not message or not signature:
        return "It is not signed"
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        return "It does not say when it was sent"
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return "It says that it was sent more than five minutes from now"
    digest = hmac.digest(key, _bytes(f"{message}.{timestamp}.") + body, hashlib.sha256)
    expected = f"sha256={digest.hex()}".encode()
    if any(hmac.compare_digest(expected, _bytes(each)) for each in signature.split(",")):
        return None
    return "It was signed with another secret, or changed on its way"


def _bytes(header: str) -> bytes:
    # Bytes that are no text come as halves of characters.
    return header.encode(errors="replace")


def _text(header: str | None) -> str | None:
    return None if header is None else _bytes(header).decode()


def _at(timestamp: str) -> str | None:
    try:
        return datetime.fromtimestamp(int(timestamp), UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _json(body: bytes) -> msgspec.Raw:
    """The body, or what it says as a text."""
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(body)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(body.decode(errors="replace")))
