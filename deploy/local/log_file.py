"""Log files: a process writes straight into its file, and the supervisor reads along.

So nothing waits for the supervisor, and the lines of a process that outlives it for a moment are kept too.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from deploy.local.trouble import explained

_CHUNK = 65_536
_LAST_LINES = 15


class LogFile:
    """The log of one process; put aside as ``<name>.log.1`` when it has reached ``limit_bytes``."""

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path = path
        self._limit = limit_bytes
        with explained(path):
            os.close(self.open())
            self._offset = path.stat().st_size
        self._begun = b""

    def open(self) -> int:
        """A descriptor for a process to write to; the caller closes its own copy."""
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def new_lines(self) -> Iterator[str]:
        """The whole lines written since the last call."""
        size = self.path.stat().st_size
        if size == self._offset:
            return
        # Somebody may have emptied it.
        self._offset = min(self._offset, size)
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            while chunk := file.read(_CHUNK):
                self._offset += len(chunk)
                *lines, self._begun = (self._begun + chunk).split(b"\n")
                if len(self._begun) > _CHUNK:
                    lines, self._begun = [*lines, self._begun], b""
                for line in lines:
                    yield line.decode(errors="replace")

    def rotate(self) -> None:
        """Call it when the new lines have been read."""
        if self._offset < self._limit:
            return
        # The process keeps its descriptor, so the content is copied and the file cut; a line written in the
        # microseconds between is the price for a process that never waits.
        try:
            with open(self.path, "rb") as file, open(f"{self.path}.1", "wb", opener=_private) as aside:
                shutil.copyfileobj(file, aside)
        finally:
            # On a full disk the space is worth more than the old lines.
            os.truncate(self.path, 0)
            self._offset = 0

    def last_lines(self, count: int) -> list[str]:
        with open(self.path, "rb") as file:
            file.seek(max(0, self.path.stat().st_size - _CHUNK))
            return file.read().decode(errors="replace").splitlines()[-count:]


def last_words(log: LogFile) -> str:
    """For a message about a process that has failed."""
    lines = log.last_lines(_LAST_LINES)
    said = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
    full = "The disk is full. " if any(os.strerror(errno.ENOSPC) in line for line in lines) else ""
    return f"{full}Its last words, from {log.path}:\n{said}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
