"""Small parts for the supervisor to keep: Python programs that a test writes down in a line."""

import os
import sys
from pathlib import Path

from deploy.local import ports
from deploy.local.child import Command
from deploy.local.part import Part

# Touches the file named by its argument when it serves, and stops at SIGTERM.
SERVE = """
import pathlib, sys, time
print('serving', flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVE}"
BROKEN = "raise SystemExit('out of order')"


class Tiny(Part):
    """Serves when its program has made its file again since the last start."""

    def __init__(self, name: str, program: str, folder: Path) -> None:
        self.name = name
        self.program = program
        self.marker = folder / f"{name}.serves"
        self.folder = folder
        self.starts = 0
        self.ports: list[int] = []
        self.settled = False

    @property
    def address(self) -> str | None:
        return f"tiny://127.0.0.1:{self.ports[-1]}" if self.ports else None

    def command(self) -> Command:
        self.marker.unlink(missing_ok=True)
        self.starts += 1
        if not self.settled:
            self.ports.append(ports.free_port())
        argv = (sys.executable, "-c", self.program, str(self.marker))
        return Command(argv=argv, environ=dict(os.environ), directory=self.folder)

    def settle(self) -> None:
        self.settled = True

    async def answers(self) -> bool:
        return self.marker.exists()
