"""Applications that take nothing on: while a gateway is about to start, and while it has too many connections."""

from collections.abc import Mapping

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admission import Counting
from gateway.health import Health
from gateway.pages import link as pages
from gateway.redirect.door import show
from gateway.refusals import Refusal, Words
from gateway.requests import identify

POSTPONED = Counter("waypost_requests_postponed", "Requests told to come later, by the reason.", ["reason"])

_RETRY_AFTER_SECONDS = 5

# A rate needs a value to begin with, also for what has never happened.
for each in (Refusal.STARTING, Refusal.FULL):
    POSTPONED.labels(each.name.lower())


class Unavailable:
    """Tells an API's callers in its dialect's words, and everybody else on a page, to come again.

    It keeps no connection, so that the next request meets somebody who can do something with it.
    """

    def __init__(self, reason: Refusal, words: Words, counting: Counting, pages: Mapping[str, ASGIApp]) -> None:
        """``pages``: by path, what is answered all the same."""
        self._reason = reason
        self._words = words
        self._counting = counting
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        path: str = scope["path"]
        if page := self._pages.get(path):
            await page(scope, receive, send_last)
            return
        POSTPONED.labels(self._reason.name.lower()).inc()
        if self._words.dialect_at(path) is None:
            await show(send_last, pages.unavailable(_RETRY_AFTER_SECONDS))
            return
        request = identify(scope)
        about, body = self._words.say(self._reason, path)
        headers = [
            *about,
            (b"x-request-id", request.encode()),
            (b"retry-after", b"%d" % _RETRY_AFTER_SECONDS),
            *await self._counting.turn_away(scope),
        ]
        await send_last({"type": "http.response.start", "status": self._reason.status, "headers": headers})
        await send_last({"type": "http.response.body", "body": body})


class Starting:
    """The application until the real one stands."""

    def __init__(self, health: Health, words: Words, counting: Counting) -> None:
        open_pages: dict[str, ASGIApp] = {"/livez": health.live, "/readyz": health.ready}
        self._unavailable = Unavailable(Refusal.STARTING, words, counting, open_pages)
        self.successor: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.successor or self._unavailable)(scope, receive, send)


def full(health: Health, words: Words, counting: Counting) -> Unavailable:
    """Who has too many connections is alive all the same, but not ready for more."""
    return Unavailable(Refusal.FULL, words, counting, {"/livez": health.live})
