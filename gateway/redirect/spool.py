"""One journal's directory: its lock, its segments, its checkpoint, and the batches that are cut from it.

A directory belongs to whoever holds its lock, and its name is the journal's id for as long as it exists; so a batch is
named the same by the worker that wrote it and by the one that adopts it. Everything here blocks on the disk. One thread
cuts and settles batches; only `new_segment` belongs to the thread that writes.
"""

import contextlib
import fcntl
import logging
import os
from collections import deque
from pathlib import Path

import msgspec

from gateway.redirect.checkpoint import Checkpoint, CheckpointError, Position
from gateway.redirect.counts import Counts
from gateway.redirect.frames import LARGEST_FRAME, Ending, Frames, walk
from gateway.redirect.segment import Segment
from shared import ids
from shared.settings import Settings

CORRUPT = ".corrupt"
_CHECKPOINT = "checkpoint"

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode


class Parcel(msgspec.Struct, frozen=True):
    """One message for the stream: the same id always stands for the same bytes."""

    id: str
    payload: bytes  # a msgpack `Batch`
    clicks: int
    last: bool  # when it was cut there was nothing behind it


class OpenSegmentDamagedError(Exception):
    """The segment that is being written holds bytes that are no frame; it must be closed before it can be put aside."""

    def __init__(self, segment: Segment) -> None:
        super().__init__(f"{segment.path} is damaged while it is written")
        self.segment = segment


class Spool:
    def __init__(self, path: Path, lock: int, checkpoint: Checkpoint, settings: Settings, counts: Counts) -> None:
        self.path = path
        self.lock = lock  # the directory's descriptor
        self.released = 0  # bytes that wait no longer
        self._checkpoint = checkpoint
        self._counts = counts
        self._batch_clicks = settings.ship_batch_clicks
        # A window always holds a whole frame, however small the batches are meant to be.
        self._window = max(settings.ship_batch_bytes, LARGEST_FRAME)
        self._segments = deque(self._find())
        self._number = max(self._checkpoint.position.segment, *(s.number for s in self._segments), 0)
        # What the first segment has shipped does not wait any more.
        self.found = sum(segment.length - self._position_in(segment).start for segment in self._segments)

    @property
    def id(self) -> str:
        return self.path.name

    def new_segment(self) -> Segment:
        self._number += 1
        segment = Segment.create(self.path, self._number)
        self._segments.append(segment)
        return segment

    def prepare(self) -> Parcel | None:
        """The next batch, entered in the checkpoint; None when nothing waits.

        A batch that was entered before and not settled comes first and unchanged. Raises `OpenSegmentDamagedError`.
        """
        while self._segments:
            segment = self._segments[0]
            closed, length = segment.closed, segment.length  # in this order: what is closed does not grow
            at = self._position_in(segment)
            if at.start < at.end:
                # After a power cut the file may be shorter than the batch was: what is left keeps the batch's id.
                frames = _read(segment, at.start, min(at.end, length), at.end - at.start)
                if frames.ending is Ending.DAMAGE:
                    self._keep_aside(segment, at.start + frames.length)
                if frames.payloads:
                    return self._parcel(at, frames, last=False)
                self.settle()
                continue
            frames = _read(segment, at.start, min(at.start + self._window, length), self._batch_clicks)
            if frames.payloads:
                at = at._replace(end=at.start + frames.length)
                self._checkpoint.intend(at)
                return self._parcel(at, frames, last=not closed and at.end == length)
            if at.start >= length:
                if not closed:
                    return None
                self._finish(segment)
            elif not closed:
                raise OpenSegmentDamagedError(segment)
            elif segment.found and frames.ending is Ending.CUT and length - at.start < LARGEST_FRAME:
                self._counts.torn += 1
                self._finish(segment)
            else:
                self._give_up(segment)
        return None

    def settle(self) -> None:
        """The batch on its way has arrived."""
        at = self._checkpoint.position
        self._checkpoint.settle()
        self.released += at.end - at.start

    def remove(self) -> None:
        """Deletes the directory of a journal that is shipped to its end; to be released all the same."""
        _remove(self.path)

    def release(self) -> None:
        """Leaves what there is to whoever wants it next."""
        self._checkpoint.close()
        os.close(self.lock)

    def _find(self) -> list[Segment]:
        shipped = self._checkpoint.position.segment
        segments = Segment.find(self.path)
        for segment in segments:
            if segment.number < shipped:
                # A power cut can bring back a file that was deleted.
                segment.path.unlink()
        return [segment for segment in segments if segment.number >= shipped]

    def _position_in(self, segment: Segment) -> Position:
        at = self._checkpoint.position
        return at if at.segment == segment.number else Position(segment.number, 0, 0)

    def _parcel(self, at: Position, frames: Frames, *, last: bool) -> Parcel:
        batch = f"{self.id}-{at.segment}-{at.start}-{at.end}"
        payload = _encode((batch, [msgspec.Raw(visit) for visit in frames.payloads]))
        return Parcel(batch, payload, len(frames.payloads), last)

    def _finish(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        self.released += segment.length - self._position_in(segment).start
        self._segments.popleft()

    def _give_up(self, segment: Segment) -> None:
        at = self._position_in(segment)
        self._keep_aside(segment, at.start)
        # The number stays known, so that no later segment can get it again.
        self._checkpoint.intend(Position(segment.number, segment.length, segment.length))
        self.released += segment.length - at.start
        self._finish(segment)

    def _keep_aside(self, segment: Segment, offset: int) -> None:
        aside = self.path.parent / f"{self.id}-{segment.number}{CORRUPT}"
        if aside.exists():
            return
        log.error("A journal file is damaged and kept aside", extra={"file": str(aside), "offset": offset})
        with contextlib.suppress(FileNotFoundError):
            aside.hardlink_to(segment.path)
        self._counts.corrupt += 1


def directories(root: Path) -> list[Path]:
    """All journals, oldest first."""
    return sorted(path for path in root.iterdir() if ids.valid(path.name))


def create(root: Path, settings: Settings, counts: Counts) -> Spool:
    while True:
        path = root / ids.new()
        path.mkdir(mode=0o700)
        lock = _lock(path)
        if lock is None:
            continue  # Somebody looked for dead workers just now and took it for the remains of one.
        checkpoint = Checkpoint.create(path / _CHECKPOINT)
        os.fsync(lock)
        _sync_directory(root)
        return Spool(path, lock, checkpoint, settings, counts)


def claim(path: Path, settings: Settings, counts: Counts) -> Spool | None:
    """The journal of a dead worker; None when the worker lives or nothing is there to be shipped."""
    lock = _lock(path)
    if lock is None:
        return None
    try:
        checkpoint = Checkpoint.open(path / _CHECKPOINT)
        return Spool(path, lock, checkpoint, settings, counts)
    except CheckpointError as error:
        _clear(path, str(error), counts)
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise


def claim_or_create(root: Path, settings: Settings, counts: Counts) -> Spool:
    """A worker's home. Using the directories of dead workers again keeps their number bounded."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in directories(root):
        if spool := claim(path, settings, counts):
            return spool
    return create(root, settings, counts)


def _lock(path: Path) -> int | None:
    """The locked directory's descriptor; None when somebody else has it, or had it and removed it."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(lock)
    return None


def _clear(path: Path, reason: str, counts: Counts) -> None:
    if not Segment.find(path):
        # Somebody died while making or removing it.
        _remove(path)
        return
    # What has been shipped is not known any more, and a click must not count twice.
    log.error("A journal is put aside: %s", reason)
    path.rename(path.with_suffix(CORRUPT))
    counts.corrupt += 1


def _remove(path: Path) -> None:
    (path / _CHECKPOINT).unlink(missing_ok=True)
    path.rmdir()
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _read(segment: Segment, start: int, end: int, most: int) -> Frames:
    try:
        fd = os.open(segment.path, os.O_RDONLY)
    except FileNotFoundError:
        return Frames([], 0, Ending.DAMAGE)
    try:
        return walk(os.pread(fd, max(end - start, 0), start), most)
    finally:
        os.close(fd)
