"""`waypost webhook listen`, as somebody runs it who tries webhooks out."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.deploy.command import HOME, WAYPOST, environ_with

_PATIENCE_SECONDS = 30.0


class Listener:
    """What it prints is kept in files, ``said`` on stderr."""

    def __init__(self, folder: Path, *words: str, stdin: str = "") -> None:
        self._shown, self._said = folder / "listener.out", folder / "listener.err"
        with self._shown.open("wb") as shown, self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [*WAYPOST, "webhook", "listen", *words],
                cwd=HOME,
                env=environ_with({}),
                stdin=subprocess.PIPE,
                stdout=shown,
                stderr=said,
            )
        assert self.process.stdin
        self.process.stdin.write(stdin.encode())
        self.process.stdin.close()

    @property
    def said(self) -> str:
        return self._said.read_text(encoding="utf-8")

    def wait_until_listening(self) -> str:
        """The address at which it listens."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while "listening at " not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)
        return self.said.partition("listening at ")[2].split()[0].rstrip(";")

    def shown(self) -> list[dict[str, Any]]:
        text = self._shown.read_text(encoding="utf-8")
        # The last line may not be whole yet.
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit status."""
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE_SECONDS)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
