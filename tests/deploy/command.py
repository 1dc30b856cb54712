"""The operator's command, run as the operator runs it."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from deploy.local import state
from deploy.local.data_dir import DataDir
from shared.settings import variable
from tests.world import PATIENT, PATIENT_SERVICE

WAYPOST = (sys.executable, "-m", "deploy.cli")
HOME = Path(__file__).resolve().parents[2]
# The settings of a stack that refuses nobody because the machine stands still for some seconds.
PATIENCE = {variable(name): str(value) for name, value in (PATIENT | PATIENT_SERVICE).items()}
_READY_SECONDS = 60.0


def waypost(*words: str, stdin: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    argv = (*WAYPOST, *words)
    return subprocess.run(
        argv, cwd=HOME, env=environ_with(environ), input=stdin, capture_output=True, text=True, check=False, timeout=60
    )


def answer(*words: str, stdin: str = "") -> dict[str, Any]:
    done = waypost(*words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    decoded: dict[str, Any] = json.loads(done.stdout)
    return decoded


class Up:
    """One `waypost up`, with what it prints kept in files."""

    def __init__(self, data: Path, *words: str, **environ: str) -> None:
        self.data = data
        self._folder = data.parent
        self._errors = self._folder / "up.stderr"
        with open(self._errors, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [*WAYPOST, "up", "--port", "0", "--data", str(data), *words],
                cwd=HOME,
                env=environ_with(environ),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def said(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def wait_until_ready(self) -> str:
        """The URL of the ready line."""
        out = self.process.stdout
        assert out
        readable, _, _ = select.select([out], [], [], _READY_SECONDS)
        word, _, url = (out.readline() if readable else "").strip().partition(" ")
        assert word == "ready", self.said
        return url

    def everything(self) -> list[psutil.Process]:
        """All processes of the stack that live, the supervisor included."""
        recorded = state.read(DataDir(self.data))
        assert recorded
        pairs = [(recorded.pid, recorded.create_time), *((each.pid, each.create_time) for each in recorded.processes)]
        alive = [found for pid, create_time in pairs if (found := state.find(pid, create_time))]
        return [*alive, *(child for each in alive[1:] for child in each.children(recursive=True))]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def gone(processes: list[psutil.Process], within_seconds: float) -> bool:
    """Are all of them gone before the time is over?"""
    deadline = time.monotonic() + within_seconds
    while left := [each for each in processes if _lives(each)]:
        if time.monotonic() > deadline:
            print("left running:", left)
            return False
        time.sleep(0.05)
    return True


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        # It has ended between the two looks.
        return False


def environ_with(given: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    return {**kept, **given}
