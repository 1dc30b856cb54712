"""Puts frames into a journal's segments, and forces them to the disk from a thread of its own."""

import errno
import logging
import os
import threading
import time
from collections import deque

from gateway.redirect.counts import Counts
from gateway.redirect.segment import Segment, sync_data
from gateway.redirect.spool import Spool
from shared.settings import Settings

log = logging.getLogger(__name__)


class Writer:
    """`append` belongs to the event loop's thread; the disk is waited for by another."""

    def __init__(self, spool: Spool, settings: Settings, counts: Counts) -> None:
        self._spool = spool
        self._limit = settings.journal_segment_bytes
        self._interval = settings.journal_sync_seconds
        self._counts = counts
        # Made at once, so that a directory that cannot be written is noticed when the process starts.
        self._active: Segment | None = spool.new_segment()
        self._retired: deque[Segment] = deque()
        self._stopping = threading.Event()
        self._syncing = threading.Lock()
        self._failing = False
        self._thread = threading.Thread(target=self._keep_syncing, name="journal-sync", daemon=True)
        self._thread.start()

    def append(self, frame: bytes) -> None:
        """Raises `OSError` when the frame could not be written."""
        segment = self._active
        if segment is None or segment.closed or (segment.length and segment.length + len(frame) > self._limit):
            segment = self._rotate()
        segment.append(frame)

    def sync(self) -> None:
        """Returns when everything appended before is safe on the disk. From any thread; blocks."""
        with self._syncing:
            # In this order: a segment that is retired after the look at the queue is still the active one here.
            active = self._active
            while self._retired:
                segment = self._retired[0]
                self._force(segment)
                os.close(segment.fd)
                segment.fd = -1
                self._retired.popleft()
            if active is not None and active.fd >= 0:
                self._force(active)

    def close(self) -> None:
        """Writes no more; everything written is safe afterwards. Blocks."""
        self._stopping.set()
        self._thread.join()
        self._retire()
        self.sync()

    def _rotate(self) -> Segment:
        if self._stopping.is_set():
            raise OSError(errno.EBADF, "The journal is closed")
        segment = self._spool.new_segment()
        self._retire()
        self._active = segment
        return segment

    def _retire(self) -> None:
        if self._active is not None:
            segment, self._active = self._active, None
            segment.closed = True
            self._retired.append(segment)

    def _force(self, segment: Segment) -> None:
        length = segment.length
        if length == segment.synced:
            return
        sync_data(segment.fd)
        if not segment.entered:
            os.fsync(self._spool.lock)
            segment.entered = True
        segment.synced = length
        self._counts.syncs += 1

    def _keep_syncing(self) -> None:
        pause = self._interval
        while not self._stopping.wait(pause):
            began = time.monotonic()
            try:
                self.sync()
                self._failing = False
            except OSError as error:
                self._counts.sync_failures += 1
                if not self._failing:
                    log.error("The journal cannot be forced to disk: %s", error)
                self._failing = True
            pause = max(0.0, self._interval - (time.monotonic() - began))
