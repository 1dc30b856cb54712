"""What the operator sees: lines with the name of the process before them, coloured on a terminal."""

import os
import select
import sys
from collections.abc import Mapping
from typing import TextIO

_COLOURS = (36, 32, 35, 33, 34, 96, 92, 95, 93, 94)
_NAME_WIDTH = 9
_PENDING_LIMIT = 1_048_576  # bytes
_PIECE = select.PIPE_BUF  # a pipe that is ready takes this much without making us wait


class Console:
    """Never waits for whoever reads it: a stopped terminal must not stop the stack. The log files have every line."""

    def __init__(self, out: TextIO, environ: Mapping[str, str]) -> None:
        self._descriptor = out.fileno()
        self.for_people = out.isatty()
        self._colour = self.for_people and not environ.get("NO_COLOR")
        self._names: dict[str, int] = {}
        self._pending = bytearray()
        self._dropped = 0
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)

    def say(self, text: str) -> None:
        """Progress and trouble of the stack itself."""
        self.line("waypost", text)

    def line(self, name: str, text: str) -> None:
        if len(self._pending) >= _PENDING_LIMIT:
            self._dropped += 1
            return
        self._pending += self._written(name, text)
        self.flush()

    def flush(self) -> None:
        """Writes what can be written right now."""
        try:
            while self._pending and self._ready():
                written = os.write(self._descriptor, self._pending[:_PIECE])
                del self._pending[:written]
        except OSError:
            # Nobody reads any more (a closed terminal or pipe); the log files go on.
            self._pending.clear()
        if self._dropped and not self._pending:
            self._pending += self._written("waypost", f"{self._dropped} lines were not shown; the log files have them")
            self._dropped = 0

    def _written(self, name: str, text: str) -> bytes:
        return f"{self._prefix(name)}{text}\n".encode(errors="replace")

    def _prefix(self, name: str) -> str:
        prefix = f"{name:<{_NAME_WIDTH}} │ "
        if not self._colour:
            return prefix
        colour = _COLOURS[self._names.setdefault(name, len(self._names)) % len(_COLOURS)]
        return f"\x1b[{colour}m{prefix}\x1b[0m"

    def _ready(self) -> bool:
        return any(event & select.POLLOUT for _, event in self._poll.poll(0))


def standard() -> Console:
    return Console(sys.stderr, os.environ)
