"""What keys are used for: counted here, told to the keys service now and then. A crash loses what was not told yet."""

import asyncio
import logging
from datetime import UTC, datetime

from shared import ids
from shared.bus import Bus
from shared.contracts.keys import RecordUses, Use
from shared.faults import Fault
from shared.settings import Settings

_DAY_SECONDS = 86_400

log = logging.getLogger(__name__)


class Tally:
    """The requests with one key on one day."""

    __slots__ = ("at", "failed", "limited", "refused", "succeeded")

    def __init__(self) -> None:
        self.at = 0.0  # Unix seconds of the last one
        self.succeeded = 0
        self.refused = 0
        self.limited = 0
        self.failed = 0


class Uses:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._days: dict[int, dict[str, Tally]] = {}  # by the day's number since 1970, then by the key's id
        self._today: dict[str, Tally] = {}
        self._day_ends = 0.0
        self._tallies = 0
        self._left_out = 0
        self._reporter = ids.new()
        self._reports = 0
        self._report: RecordUses | None = None

    def count(self, key: str, status: int, now: float) -> None:
        """One request with a valid key, answered with ``status`` at ``now``, in Unix seconds."""
        if now >= self._day_ends:
            self._begin_day(now)
        tally = self._today.get(key) or self._open(key)
        tally.at = now
        if status < 400:
            tally.succeeded += 1
        elif status == 429:
            tally.limited += 1
        elif status < 500:
            tally.refused += 1
        else:
            tally.failed += 1

    async def keep_reporting(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._settings.key_use_flush_seconds)
            await self.report()

    async def report(self) -> None:
        """Tells all there is. What cannot be told now is kept, up to a bound, and told later."""
        try:
            while report := self._report or self._next_report():
                # If nobody answers it may have been heard all the same, so it is sent again as it is.
                self._report = report
                await self._bus.ask(report)
                self._report = None
        except Fault as fault:
            log.info("The uses of keys are told later: %s", fault.message)
        if self._left_out:
            log.warning("The uses of too many keys were waiting: %d requests are not counted", self._left_out)
            self._left_out = 0

    def _begin_day(self, now: float) -> None:
        day = int(now // _DAY_SECONDS)
        self._today = self._days.setdefault(day, {})
        self._day_ends = (day + 1) * float(_DAY_SECONDS)

    def _open(self, key: str) -> Tally:
        tally = Tally()
        if self._tallies >= self._settings.key_use_entries:
            self._left_out += 1
            return tally
        self._tallies += 1
        self._today[key] = tally
        return tally

    def _next_report(self) -> RecordUses | None:
        """The oldest first. What it tells of is counted anew from here on."""
        uses: list[Use] = []
        for day, tallies in list(self._days.items()):
            while tallies and len(uses) < self._settings.key_use_batch:
                uses.append(_use(*tallies.popitem()))
            if not tallies and tallies is not self._today:
                del self._days[day]
        if not uses:
            return None
        self._tallies -= len(uses)
        self._reports += 1
        return RecordUses(reporter=self._reporter, number=self._reports, uses=tuple(uses))


def _use(key: str, tally: Tally) -> Use:
    return Use(
        key=key,
        at=datetime.fromtimestamp(tally.at, UTC),
        succeeded=tally.succeeded,
        refused=tally.refused,
        limited=tally.limited,
        failed=tally.failed,
    )
