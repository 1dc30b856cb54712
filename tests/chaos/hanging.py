"""A process that hangs: it is there, and does nothing."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

import psutil


@contextlib.contextmanager
def hung(process: psutil.Process) -> Iterator[None]:
    """With all that it has started, as PostgreSQL has its own processes."""
    family = [process, *process.children(recursive=True)]
    try:
        _tell(family, signal.SIGSTOP)
        yield
    finally:
        _tell(family, signal.SIGCONT)


def _tell(family: Sequence[psutil.Process], word: signal.Signals) -> None:
    for process in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, word)
