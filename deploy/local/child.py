"""One running process of the stack."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.log_file import LogFile
from deploy.local.trouble import Trouble
from deploy.local.waiting import until

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Owner:
    """The system user a process runs as, when that is not our own."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Command:
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    directory: Path
    stop_signal: signal.Signals = signal.SIGTERM
    owner: Owner | None = None
    descriptors: tuple[int, ...] = ()  # open files handed down under the same number


class Child:
    """Starts at once, with ``said`` on its standard input.

    In a session of its own, so that Ctrl-C in the terminal reaches the supervisor only.
    """

    def __init__(self, command: Command, log: LogFile, said: bytes = b"") -> None:
        self._command = command
        output = log.open()
        # What it is told must fit a pipe, since nobody waits to tell the rest.
        given, telling = os.pipe()
        os.write(telling, said)
        os.close(telling)
        try:
            self._process = subprocess.Popen(
                command.argv,
                stdin=given,
                stdout=output,
                stderr=output,
                cwd=command.directory,
                env=command.environ,
                pass_fds=command.descriptors,
                start_new_session=True,
                user=command.owner.uid if command.owner else None,
                group=command.owner.gid if command.owner else None,
                extra_groups=[] if command.owner else None,
                preexec_fn=_die_with_parent(command.stop_signal),  # noqa: PLW1509 – the supervisor has one thread
            )
        except OSError as error:
            raise Trouble(f"{command.argv[0]} cannot be run ({error.strerror or error})") from error
        finally:
            os.close(output)
            os.close(given)
        self.pid = self._process.pid
        self.create_time = psutil.Process(self.pid).create_time()

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    async def gone(self) -> int:
        """Waits for the end; the exit status."""
        await until(lambda: self.status is not None)
        return self._process.returncode

    async def stop(self, timeout_seconds: float, hurry: asyncio.Event) -> None:
        """Asks it to end; kills it and all it started when it has not by then, or when somebody is in a hurry."""
        if self.status is not None:
            return
        self._process.send_signal(self._command.stop_signal)
        await until(lambda: self.status is not None or hurry.is_set(), timeout_seconds)
        self.kill()
        await self.gone()

    def kill(self) -> None:
        if self.status is None:
            os.killpg(self.pid, signal.SIGKILL)


def describe(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """On Linux the signal comes when the supervisor is gone, however it went; elsewhere the next start clears up."""
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def arrange() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:
            os._exit(1)

    return arrange
