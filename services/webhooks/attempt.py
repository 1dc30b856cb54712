"""One attempt: a message is signed, sent, and what comes back is brought down to what is kept of it."""

import logging
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

import aiohttp
import msgspec
from yarl import URL

from services.webhooks import guard, signature
from services.webhooks.guard import Guard, Refused
from shared.settings import Settings

log = logging.getLogger(__name__)

AGENT = "Waypost-Webhooks/1"
# Also among those that an owner cannot set.
FIXED_HEADERS = {"Content-Type": "application/json", "User-Agent": AGENT, "Accept-Encoding": "identity"}
_RETRY_AFTER_LONGEST = 100


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, the secrets opened."""

    id: str  # as the receiver sees it
    topic: str
    url: str
    body: bytes
    headers: Mapping[str, str]  # the owner's own
    secrets: tuple[str, ...]  # that sign now, the newest first


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    took_ms: int
    status: int | None = None
    error: str | None = None
    reply: bytes = b""
    retry_after: str | None = None  # as the receiver has put it

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Carries messages for as long as it is entered; no more than one process needs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._guard = Guard(settings)
        self._session = aiohttp.ClientSession(
            connector=self._guard.connector(settings.webhook_keep_alive_seconds),
            # Proxies and passwords that the environment of this process knows are not meant for strangers.
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            # What looks small may be large when it is unpacked.
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=settings.webhook_timeout_seconds,
                connect=settings.webhook_connect_timeout_seconds,
                ceil_threshold=2 * settings.webhook_timeout_seconds,
            ),
        )

    async def __aenter__(self) -> "Courier":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._guard.close()

    async def carry(self, message: Message) -> Outcome:
        at, began = datetime.now(UTC), time.monotonic()
        try:
            status, reply, retry_after = await self._send(message, int(at.timestamp()))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(at=at, took_ms=_since(began), error=self._words(error))
        except Exception:
            # A defect of ours. It must not keep back the messages to others, nor be met again at once and for ever.
            log.exception("An attempt has gone wrong", extra={"message_id": message.id})
            return Outcome(at=at, took_ms=_since(began), error="The request could not be made")
        return Outcome(at=at, took_ms=_since(began), status=status, reply=reply, retry_after=retry_after)

    async def _send(self, message: Message, timestamp: int) -> tuple[int, bytes, str | None]:
        url = URL(message.url, encoded=True)
        guard.check_port(url)
        signed = signature.headers(message.secrets, message.id, timestamp, message.topic, message.body)
        headers = {**message.headers, **FIXED_HEADERS, **signed}
        async with self._session.post(url, data=message.body, headers=headers, allow_redirects=False) as answer:
            reply = await self._read(answer)
            retry_after = answer.headers.get("Retry-After", "")[:_RETRY_AFTER_LONGEST]
            return answer.status, reply[: self._settings.webhook_reply_kept_bytes], retry_after or None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The beginning of the answer's body. Its status has been said: how the body ends changes nothing any more."""
        reply = bytearray()
        try:
            async for some in answer.content.iter_any():
                reply += some
                if len(reply) > self._settings.webhook_reply_bytes:
                    # To read on would only serve to use the connection again.
                    answer.close()
                    break
        except (aiohttp.ClientError, TimeoutError):
            answer.close()
        return bytes(reply)

    def _words(self, error: Exception) -> str:
        """In a few words, and without what only we should know: which address a name has led to, for one."""
        reason = getattr(error, "os_error", None) or error
        match reason:
            case Refused():
                return str(reason)
            case aiohttp.ConnectionTimeoutError():
                return f"No connection within {self._settings.webhook_connect_timeout_seconds:g} s"
            case TimeoutError():
                return f"No answer within {self._settings.webhook_timeout_seconds:g} s"
            case ssl.SSLError() | ssl.CertificateError():
                return "No trustworthy TLS connection"
            case ConnectionRefusedError():
                return "Connection refused"
            case aiohttp.ServerDisconnectedError() | ConnectionError():
                return "The connection was closed before there was an answer"
            case _:
                pass
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "The name of the host cannot be resolved"
        if isinstance(error, aiohttp.ClientConnectorError):
            return "No connection can be made"
        if isinstance(error, (aiohttp.ClientResponseError, aiohttp.ClientPayloadError)):
            return "The answer is no valid HTTP"
        return "The request could not be made"


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
