"""Who is one visitor for a day, without keeping who it is.

A visitor is the HMAC of workspace, address and user agent with the day's salt. All gateways share the salt through the
bus, where it lives for `SALT_SECONDS` and is then gone; without it no address can be found again.
"""

import asyncio
import hmac
import logging
import secrets
import time
from datetime import UTC, date, datetime
from functools import lru_cache

from shared.bus import Bus
from shared.faults import Fault
from shared.settings import Settings

BUCKET = "visitor_salts"
LOOK_SECONDS = 60
AHEAD_SECONDS = 3600  # tomorrow's salt is fetched this long before midnight
AFTER_SECONDS = 3600  # and yesterday's is remembered for so long, for what has come before midnight
# Made at most an hour before its day, it is there until the day's end, and is destroyed 48 hours after it was made.
SALT_SECONDS = 48 * 3600

log = logging.getLogger(__name__)


class Visitors:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._salts: dict[date, bytes] = {}
        self._stopgaps: dict[date, bytes] = {}

    async def start(self) -> None:
        """Needs the bus; after it, `of` works for the running day."""
        await self._fetch(_today(time.time()))

    async def keep(self) -> None:
        """For ever: renews the salts."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.renew(time.time())

    async def renew(self, now: float) -> None:
        """Fetches today's and, in good time, tomorrow's salt, and forgets those that are over."""
        try:
            await self._fetch(_today(now))
            await self._fetch(_today(now + AHEAD_SECONDS))
        except Fault as fault:
            log.info("The visitors' salt is fetched later: %s", fault.message)
        self._forget(_today(now - AFTER_SECONDS))

    def of(self, workspace: str, address: str, user_agent: str, now: float) -> bytes:
        """16 bytes; the same for one visitor of one workspace all through one UTC day. ``now`` is in Unix seconds."""
        day = _today(now)
        # The bus may have been away over midnight: with a salt of our own, clicks still count, if not visitors.
        salt = self._salts.get(day) or self._stopgaps.setdefault(day, secrets.token_bytes(32))
        return hmac.digest(salt, f"{workspace}\0{address}\0{user_agent}".encode(), "sha256")[:16]

    async def _fetch(self, day: date) -> None:
        if day not in self._salts:
            self._salts[day] = await self._bus.keep_first(
                BUCKET, day.isoformat(), secrets.token_bytes(32), seconds=SALT_SECONDS
            )

    def _forget(self, first_kept: date) -> None:
        for salts in (self._salts, self._stopgaps):
            for day in [day for day in salts if day < first_kept]:
                del salts[day]


def _today(now: float) -> date:
    return _day(int(now // 86400))


# Asked for at every click, and nearly always the same.
@lru_cache(maxsize=4)
def _day(number: int) -> date:
    return datetime.fromtimestamp(number * 86400, UTC).date()
