"""Brings a journal to the stream, batch by batch, and the journals of dead workers after it."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from gateway.redirect import spool as spools
from gateway.redirect.counts import Counts
from gateway.redirect.spool import OpenSegmentDamagedError, Parcel, Spool
from shared.contracts.analytics import CLICKS_SUBJECT
from shared.faults import Fault
from shared.settings import Settings

T = TypeVar("T")

log = logging.getLogger(__name__)


class Publish(Protocol):
    """Returns when the stream has the message safely, else raises a `Fault`. ``timeout`` is in seconds."""

    def __call__(self, subject: str, payload: bytes, message_id: str, timeout: float) -> Awaitable[None]: ...


class Shipper:
    """Ships one journal. It can be cancelled anywhere: a batch on its way stays entered in the checkpoint."""

    def __init__(self, spool: Spool, publish: Publish, disk: Executor, settings: Settings, counts: Counts) -> None:
        self._spool = spool
        self._publish = publish
        self._disk = disk
        self._counts = counts
        self._ack_timeout = settings.ship_ack_timeout_seconds
        self._first_pause = min(settings.ship_interval_seconds, settings.ship_retry_seconds)
        self._last_pause = settings.ship_retry_seconds

    async def ship(self) -> None:
        """Everything that waits now; what is written meanwhile may be left for the next time, to fill a batch."""
        while True:
            try:
                parcel = await off_loop(self._disk, self._spool.prepare)
            except OpenSegmentDamagedError as damage:
                # From here, because the segment belongs to this thread: the next click opens another one.
                damage.segment.closed = True
                continue
            if parcel is None:
                return
            await self._deliver(parcel)
            await off_loop(self._disk, self._spool.settle)
            self._counts.batches += 1
            self._counts.shipped += parcel.clicks
            if parcel.last:
                return

    async def _deliver(self, parcel: Parcel) -> None:
        pause = self._first_pause
        while True:
            try:
                await self._publish(CLICKS_SUBJECT, parcel.payload, parcel.id, self._ack_timeout)
                return
            except Fault as fault:
                if pause == self._first_pause:
                    log.warning("Clicks wait in the journal: %s", fault.message)
                self._counts.retries += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self._last_pause)


class Adopter:
    """Ships the journals that nobody owns any more, one at a time, and removes them."""

    def __init__(self, root: Path, publish: Publish, disk: Executor, settings: Settings, counts: Counts) -> None:
        self._root = root
        self._publish = publish
        self._disk = disk
        self._settings = settings
        self._counts = counts
        self._spool: Spool | None = None

    @property
    def lag(self) -> int:
        """Bytes of the journal that is being shipped right now."""
        return self._spool.found - self._spool.released if self._spool else 0

    async def adopt(self) -> None:
        """All journals that have no owner now."""
        for path in await off_loop(self._disk, partial(spools.directories, self._root)):
            try:
                # Kept in a field by the other thread: even if this one is cancelled meanwhile, the lock is not lost.
                await off_loop(self._disk, partial(self._claim, path))
                if self._spool is not None:
                    log.info("Clicks of a worker that is gone are shipped", extra={"journal": self._spool.id})
                    await self._ship(self._spool)
            finally:
                if self._spool is not None:
                    self._spool.release()
                    self._spool = None

    def _claim(self, path: Path) -> None:
        self._spool = spools.claim(path, self._settings, self._counts)

    async def _ship(self, spool: Spool) -> None:
        await Shipper(spool, self._publish, self._disk, self._settings, self._counts).ship()
        await off_loop(self._disk, spool.remove)
        self._counts.adopted += 1


async def off_loop(disk: Executor, work: Callable[[], T]) -> T:
    """``work`` in another thread. It is waited for even when the caller is cancelled, so no two ever overlap."""
    future = asyncio.get_running_loop().run_in_executor(disk, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
