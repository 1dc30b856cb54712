"""One file of a journal. Its name is its number, so names sort by age; no number is used twice."""

import os
from pathlib import Path

SUFFIX = ".segment"

# macOS has no fdatasync.
sync_data = getattr(os, "fdatasync", os.fsync)


class Segment:
    """A file of frames and how much of it is known to be good.

    A segment is written by the event loop's thread and read by another: ``length`` only grows, and after ``closed`` was
    set it stays as it is. Whoever wants to know whether there is more must look at ``closed`` first.
    """

    __slots__ = ("closed", "entered", "fd", "found", "length", "number", "path", "synced")

    def __init__(self, path: Path, number: int, length: int, fd: int) -> None:
        self.path = path
        self.number = number
        self.length = length  # bytes
        self.fd = fd  # for writing; -1 when an earlier process wrote it
        self.found = fd < 0  # then its end may be torn
        self.closed = self.found
        self.synced = 0  # bytes that are safe on the disk
        self.entered = False  # whether the directory's entry is safe on the disk, too

    @classmethod
    def create(cls, directory: Path, number: int) -> "Segment":
        path = directory / f"{number:012d}{SUFFIX}"
        return cls(path, number, 0, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600))

    @classmethod
    def find(cls, directory: Path) -> list["Segment"]:
        """The segments that are there, oldest first."""
        paths = sorted(path for path in directory.iterdir() if path.suffix == SUFFIX and path.stem.isdecimal())
        return [cls(path, int(path.stem), path.stat().st_size, -1) for path in paths]

    def append(self, frame: bytes) -> None:
        """Raises `OSError` when the frame is not in the file as a whole; then nothing of it counts.

        Afterwards ``closed`` may be set: the file ends in a torn frame that could not be taken back.
        """
        written = os.write(self.fd, frame)
        if written != len(frame):
            # The next frame has to begin where this one did, or in another file.
            try:
                os.ftruncate(self.fd, self.length)
            except OSError:
                self.closed = True
                raise
            raise OSError(f"The disk took {written} of {len(frame)} bytes")
        self.length += written
