"""How many requests came, by route and status, and how long they took. A route is a template, never a path."""

import logging
import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Message, Scope, Send

from shared import context, ids
from shared.metrics.cells import Timing, Timings
from shared.settings import Settings
from shared.tracing import TRACING

LINK = "/{slug}"
BIO = "/@{username}"
NOTHING = "none"  # no route of ours
GONE = 499  # whoever asked had gone before there was an answer

# From which status on a request gets a line.
_LOGGED_FROM = {"off": 1000, "errors": 500, "all": 0}
# Anybody may send any word as a method, and each would stay among the labels.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


log = logging.getLogger(__name__)


def identify(scope: Scope) -> str:
    """The id of a request, under which this task goes on. It stays the same, whoever asks for it first."""
    # Of all that a scope holds, its state alone is one for each request and shared by the scope's copies.
    state = scope["state"]
    request: str = state.get("request_id") or ids.new()
    state["request_id"] = request
    context.request_id.set(request)
    return request


class _Ended:
    __slots__ = ("number", "timing")

    def __init__(self, timing: Timing) -> None:
        self.number = 0
        self.timing = timing


class Requests(Collector):
    """One for each gateway process."""

    def __init__(self, settings: Settings) -> None:
        self._logged_from = _LOGGED_FROM[settings.access_log]
        self._ended: dict[tuple[str, str, int], _Ended] = {}
        self._took = Timings(
            "waypost_http_request_seconds", "Time from a request to the end of its answer.", ["route", "method"]
        )

    def note(self, route: str, method: str, status: int, started: float) -> None:
        """Counts it, names its span, and gives it a line if the settings say so.

        None of them has more than the template of its path.
        """
        method = method if method in _METHODS else "other"
        self.count(route, method, status, started)
        if TRACING.spans:
            TRACING.spans.answered(route, method, status)
        if status >= self._logged_from:
            took_ms = round((time.perf_counter() - started) * 1000, 1)
            about = {"route": route, "method": method, "status": status, "took_ms": took_ms}
            log.log(logging.WARNING if status >= 500 else logging.INFO, "A request was answered", extra=about)

    def count(self, route: str, method: str, status: int, started: float) -> None:
        """``started``: when the request came, by the performance counter."""
        seconds = time.perf_counter() - started
        ended = self._ended.get((route, method, status)) or self._first(route, method, status)
        ended.number += 1
        ended.timing.add(seconds)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "waypost_http_requests", "Requests, by how they were answered.", labels=["route", "method", "status"]
        )
        for (route, method, status), ended in self._ended.items():
            requests.add_metric([route, method, str(status)], ended.number)
        yield requests
        yield from self._took.collect()

    def _first(self, route: str, method: str, status: int) -> _Ended:
        return self._ended.setdefault((route, method, status), _Ended(self._took.of(route, method)))


class Noted:
    """Sends on, and notes the status of what is sent."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = GONE

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
