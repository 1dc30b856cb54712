"""Whether somebody can be reached: told once when it changes, however often it is tried."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.faults import Fault

T = TypeVar("T")

log = logging.getLogger(__name__)


class Reach:
    """Of one partner, as one task sees it. `pause` doubles with each failure, from ``first`` to ``longest`` seconds."""

    def __init__(self, partner: str, first: float, longest: float) -> None:
        self._partner = partner
        self._first = first
        self._longest = longest
        self._failures = 0

    @property
    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        # The exponent is kept small, because an outage of a day would overflow a float.
        return max(self._first, min(self._longest, self._first * 2.0 ** min(self._failures, 16)))

    def lost(self, fault: Fault) -> None:
        if not self._failures:
            log.warning("Waiting for %s: %s", self._partner, fault.message)
        self._failures += 1

    def found(self) -> None:
        if self._failures:
            log.info("Going on with %s after %d failed attempts", self._partner, self._failures)
        self._failures = 0

    async def insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What ``attempt`` returns once it is free of faults."""
        while True:
            try:
                answer = await attempt()
            except Fault as fault:
                self.lost(fault)
                await asyncio.sleep(self.pause)
            else:
                self.found()
                return answer
