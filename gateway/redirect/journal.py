"""The click journal of one worker: a click is on the local disk before its visitor has the answer.

From there it is shipped to the stream behind the visitors' backs, and it stays until the stream has it. What the
journal promises: a click whose `append` returned True reaches the stream in a batch whose id stands for the same clicks
however often it is sent; so it counts once, whatever is killed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from gateway.redirect import spool as spools
from gateway.redirect.counts import Counts
from gateway.redirect.frames import LARGEST_PAYLOAD, seal
from gateway.redirect.shipper import Adopter, Publish, Shipper, off_loop
from gateway.redirect.writer import Writer
from shared.contracts.analytics import Visit
from shared.settings import Settings
from shared.stopping import cancel

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode


class Journal:
    """Made before the first request and closed after the last one, both in the event loop's thread.

    Making it blocks on the disk for a moment and raises `OSError` when the directory cannot be written.
    """

    def __init__(self, settings: Settings, publish: Publish) -> None:
        root = Path(settings.journal_dir)
        self.counts = Counts()
        self._spool = spools.claim_or_create(root, settings, self.counts)
        self._writer = Writer(self._spool, settings, self.counts)
        self._cap = settings.journal_cap_bytes
        # One thread: cutting and settling batches never overlap.
        self._disk = ThreadPoolExecutor(1, "journal-disk")
        self._shipper = Shipper(self._spool, publish, self._disk, settings, self.counts)
        self._adopter = Adopter(root, publish, self._disk, settings, self.counts)
        self._settings = settings
        self._wake = asyncio.Event()
        self._dropping = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def id(self) -> str:
        return self._spool.id

    @property
    def waiting(self) -> int:
        """Bytes of this journal that the stream has not acknowledged; what the cap is for."""
        return self._spool.found + self.counts.appended_bytes - self._spool.released

    @property
    def lag(self) -> int:
        """Bytes that wait to be shipped, those of an adopted journal included."""
        return self.waiting + self._adopter.lag

    def start(self) -> None:
        """Begins to ship, first of all what an earlier process left."""
        settings = self._settings
        self._tasks = [
            asyncio.create_task(self._keep(self._ship, settings.ship_interval_seconds), name="journal-ship"),
            asyncio.create_task(self._keep(self._adopter.adopt, settings.journal_adopt_seconds), name="journal-adopt"),
        ]

    def append(self, visit: Visit) -> bool:
        """True when the click is in the file; False when it was dropped and counted as such. Never raises.

        From the event loop's thread only.
        """
        counts = self.counts
        try:
            payload = _encode(visit)
        except (UnicodeEncodeError, OverflowError):
            counts.dropped_malformed += 1
            return False
        if len(payload) > LARGEST_PAYLOAD:
            counts.dropped_malformed += 1
            return False
        frame = seal(payload)
        size = len(frame)
        if self.waiting + size > self._cap:
            counts.dropped_full += 1
            self._tell("the journal is at its cap")
            return False
        try:
            self._writer.append(frame)
        except OSError as error:
            counts.dropped_disk += 1
            self._tell(str(error))
            return False
        counts.appended += 1
        counts.appended_bytes += size
        self._wake.set()
        self._dropping = False
        return True

    async def drain(self, timeout: float) -> None:
        """For a worker that is about to stop: forces everything to disk, then ships what it can in ``timeout`` seconds.

        The rest stays on disk for the next worker.
        """
        await self._stop()
        try:
            await off_loop(self._disk, self._writer.sync)
            async with asyncio.timeout(timeout):
                while self.waiting > 0:
                    await self._shipper.ship()
        except OSError as error:
            reason = str(error) or "the stream did not take them in time"
            log.warning("Clicks stay in the journal for the next start: %s", reason, extra={"bytes": self.waiting})

    async def close(self) -> None:
        """Later clicks are dropped. An empty journal removes its directory."""
        await self._stop()
        try:
            await off_loop(self._disk, self._writer.close)
            if self.waiting == 0 and await off_loop(self._disk, self._spool.prepare) is None:
                await off_loop(self._disk, self._spool.remove)
        finally:
            self._spool.release()
            self._disk.shutdown()

    async def _ship(self) -> None:
        if self.waiting == 0:
            self._wake.clear()
            await self._wake.wait()
        await self._shipper.ship()

    async def _keep(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await work()
                await asyncio.sleep(pause)
            except Exception:
                # Clicks are safe on the disk, so whatever went wrong is worth another attempt.
                log.exception("The journal could not be shipped")
                await asyncio.sleep(self._settings.ship_retry_seconds)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        await cancel(tasks)

    def _tell(self, reason: str) -> None:
        if not self._dropping:
            log.error("Clicks are dropped: %s", reason)
        self._dropping = True
