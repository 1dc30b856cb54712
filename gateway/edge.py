"""The outermost door: what is too long, too slow or not HTTP ends here, before anything is made of it.

An application is asked too late for this: it sees a request only when all its headers are there. And what it knows by
heart is answered here, without a task and a cycle of messages for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import httptools
from prometheus_client import Counter
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway import heads
from gateway.admission import Counting, Headers
from gateway.departure import Departure, LastWords
from gateway.joining import JoiningProtocol
from gateway.refusals import Refusal, Words
from gateway.request_target import path_of
from gateway.requests import identify
from shared.settings import Settings

log = logging.getLogger(__name__)

# What an application may have besides its call: (scope, path without its slash, when it began) → lines of headers.
AtOnce = Callable[[Any, str, float], bytes | None]

REFUSED = Counter("waypost_edge_refusals", "Connections ended at the edge, by the status they were told.", ["status"])
CUT = Counter("waypost_edge_cuts", "Connections ended without a word, because nothing could be said.", ["reason"])

# A rate needs a value to begin with, also for what has never happened.
for each in Refusal:
    REFUSED.labels(str(each.status))
for reason in ("silence", "body", "send"):
    CUT.labels(reason)

# An answer may be lost when a connection is closed while its client still sends; so for a while that is thrown away.
_LINGER_SECONDS = 1.0
# The application has its own time limit for a body, in its own words, and comes first.
_BODY_GRACE_SECONDS = 1.0
_LAST = b"connection: close\r\n\r\n"


class EdgeProtocol(JoiningProtocol):
    """One connection. Its timers are set only for what does not arrive in one piece, so most requests set none."""

    def __init__(
        self,
        *given: Any,
        settings: Settings,
        words: Words,
        counting: Counting,
        full: ASGIApp,
        departure: Departure,
        **named: Any,
    ) -> None:
        """``full`` answers when there are more connections than there may be."""
        super().__init__(*given, **named)
        self._settings = settings
        self._words = words
        self._counting = counting
        self._full = full
        self._departure = departure
        self._at_once: AtOnce | None = getattr(self.app, "at_once", None)
        self._timer: asyncio.TimerHandle | None = None  # of what is awaited of the client
        self._sending: asyncio.TimerHandle | None = None  # of a client that does not read
        self._found: Refusal | None = None
        self._in_head = False
        self._in_body = False
        self._answered = False  # the request that is read right now, at once
        self._ended = False
        self._answering: asyncio.Task[None] | None = None  # what is refused
        self._received = 0  # bytes, since the request began
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await(self._settings.header_timeout_seconds, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._resume()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        # Who has said all it had to say still wants to hear what is being answered.
        return self._answering is not None and not self._answering.done()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # It is answered as if it had not been asked for.
            self._in_body = False
        except httptools.HttpParserError:
            self._refuse(self._found or Refusal.MALFORMED)
            return
        if self._in_head:
            self._look_at_unfinished_head()
        elif self._in_body and self._timer is None:
            self._await(self._settings.body_timeout_seconds + _BODY_GRACE_SECONDS, self._body_is_late)

    def on_message_begin(self) -> None:
        # Not with every byte, or line ends sent now and then would keep a connection for ever.
        self._unset_keepalive_if_required()
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._stop_waiting()
        names = [name for name, _ in self.headers]
        version = self.parser.get_http_version()
        self._found = heads.refusal_of(self.url, self.headers, names, version, self._received, self._settings)
        if self._found:
            raise ValueError(self._found)
        if not self.url.startswith(b"/"):
            self.url = heads.take_host_of(self.url, self.headers)
        self._in_body = True
        self._received = self._body_bytes = 0
        if self._at_once is not None and self._answers_at_once(self._at_once, names):
            return
        self._begin()
        if self._departure.begun:
            self.cycle.keep_alive = False
        if b"content-length" in names:
            length = self.headers[names.index(b"content-length")][1]
            if int(length) > self._settings.body_limit_bytes:
                self._make_last()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._settings.body_limit_bytes:
            if self.cycle.response_complete:
                # It has its answer and sends on.
                CUT.labels("body").inc()
                self._end()
                return
            if not self.cycle.response_started:
                self._make_last()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._received = 0
        if self._answered:
            self._answered = False
            return
        self._stop_waiting()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(self._settings.send_timeout_seconds, self._cut, "send")

    def resume_writing(self) -> None:
        self._resume()
        super().resume_writing()

    def _begin(self) -> None:
        most = self._settings.connection_limit
        app = self.app
        if len(self.connections) > most or len(self.tasks) >= most:
            self.app = self._full
        super().on_headers_complete()
        self.app = app

    def _answers_at_once(self, at_once: AtOnce, names: list[bytes]) -> bool:
        path, _, query = self.url.partition(b"?")
        latest: RequestResponseCycle | None = self.cycle
        if (
            self.parser.get_method() != b"GET"
            or b"/" in path[1:]
            or b"content-length" in names
            or b"transfer-encoding" in names
            or b"upgrade" in names
            or (latest is not None and not latest.response_complete)
        ):
            return False
        self.scope["method"] = "GET"
        self.scope["query_string"] = query
        try:
            lines = at_once(self.scope, path[1:].decode("latin-1"), time.perf_counter())
        except Exception:
            log.exception("A redirect ended in a crash")
            return False
        if lines is None:
            return False
        self._answered = True
        self.server_state.total_requests += 1
        stays = (
            not self._departure.begun and self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        )
        always = b"".join([b"%b: %b\r\n" % header for header in self.server_state.default_headers])
        self.transport.write(b"HTTP/1.1 302 Found\r\n" + always + lines + (b"\r\n" if stays else _LAST))
        if stays:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()
        return True

    def _make_last(self) -> None:
        """The answer to the latest request ends the connection and says so, since nobody reads all of its body."""
        self.cycle.keep_alive = False
        self.cycle.transport = LastWords(self.transport, self._end)

    def _look_at_unfinished_head(self) -> None:
        refusal = heads.refusal_of_unfinished(self.url, self.headers, self._received, self._settings)
        if refusal:
            self._refuse(refusal)
        elif self._timer is None:
            self._await(self._settings.header_timeout_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._in_head:
            self._refuse(Refusal.LATE_HEAD)
        else:
            # It has said nothing at all.
            self._cut("silence")

    def _body_is_late(self) -> None:
        if self.cycle.response_complete:
            self._cut("body")
        else:
            self._give_up(Refusal.LATE_BODY)

    def _give_up(self, refusal: Refusal) -> None:
        """On the request whose body is on its way."""
        unanswered = not self.cycle.response_started and not self.pipeline
        # Whoever waits for the body learns that it will never come.
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if unanswered:
            self._say(refusal)
        else:
            self._cut("body")

    def _refuse(self, refusal: Refusal) -> None:
        latest: RequestResponseCycle | None = self.cycle
        if latest is None or latest.response_complete:
            self._say(refusal)
        elif self._in_body:
            self._give_up(refusal)
        else:
            # The answers to the requests before come first, and are the last.
            self._ended = True
            latest.keep_alive = False

    def _say(self, refusal: Refusal) -> None:
        REFUSED.labels(str(refusal.status)).inc()
        self._ended = True
        self._stop_waiting()
        self._answering = self.loop.create_task(self._answer(refusal))
        self._answering.add_done_callback(self.tasks.discard)
        self.tasks.add(self._answering)

    async def _answer(self, refusal: Refusal) -> None:
        # Whoever had begun to work on it has used this id already.
        scope: Any = self.scope
        request, path = identify(scope), path_of(self.url)
        headers = [(b"x-request-id", request.encode()), *await self._count(path)]
        if self._settings.access_log == "all":
            log.info("A request was refused", extra={"status": refusal.status, "reason": refusal.name.lower()})
        if not self.transport.is_closing():
            self.transport.write(self._words.answer(refusal, path, headers))
            self._end()

    async def _count(self, path: str) -> Headers:
        if self._words.dialect_at(path) is None:
            return []
        # Until a head is whole, a proxy may not have said yet for whom it speaks.
        scope: Any = {**self.scope, "headers": []} if self._in_head else self.scope
        return await self._counting.turn_away(scope)

    def _end(self) -> None:
        """Sends no more, and closes when the client has had the time to read what it was told."""
        self._ended = True
        self.transport.write_eof()
        self._await(_LINGER_SECONDS, self.transport.close)

    def _cut(self, reason: str) -> None:
        CUT.labels(reason).inc()
        self._ended = True
        self.transport.abort()

    def _await(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _resume(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
