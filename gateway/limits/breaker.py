"""Whether Valkey is asked at all."""

import logging
import time

from gateway.limits import metrics
from shared.settings import Settings

log = logging.getLogger(__name__)


class Breaker:
    """Opens after some failed round trips in a row, then lets single calls try, and closes when one succeeds."""

    def __init__(self, settings: Settings) -> None:
        self._allowed_failures = settings.limit_breaker_failures
        self._pause_seconds = settings.limit_breaker_seconds
        self._allowed_slow_answers = settings.limit_breaker_slow_answers
        self._failures = 0
        self._slow_answers = 0
        self._open = False
        self._next_try = 0.0
        metrics.LOCAL.set(0)

    def admits(self) -> bool:
        if not self._open:
            return True
        now = time.monotonic()
        if now < self._next_try:
            return False
        # Setting the next try at once keeps the others out, and a try that is never reported cannot block the way back.
        self._next_try = now + self._pause_seconds
        return True

    @property
    def trusts(self) -> bool:
        """The last round trip was answered, so the next one deserves patience."""
        return not self._open and self._failures == 0

    def succeeded(self, *, slowly: bool = False) -> None:
        """``slowly``: past the budget. A hundred such answers in a row are as bad as none."""
        self._failures = 0
        self._slow_answers = self._slow_answers + 1 if slowly else 0
        if self._slow_answers >= self._allowed_slow_answers:
            self._slow_answers = 0
            self._trip("every answer is late")
            return
        if self._open:
            self._open = False
            metrics.LOCAL.set(0)
            log.info("Valkey answers again: the limits are exact")

    def failed(self, reason: str) -> None:
        self._failures += 1
        if not self._open and self._failures >= self._allowed_failures:
            self._trip(reason)

    def _trip(self, reason: str) -> None:
        self._open = True
        self._next_try = time.monotonic() + self._pause_seconds
        metrics.LOCAL.set(1)
        log.warning("Valkey does not decide (%s): this gateway counts its share of the limits alone", reason)
