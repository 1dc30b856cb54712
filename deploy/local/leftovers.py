"""What a killed supervisor has left running, stopped before a new one starts."""

import contextlib
import signal

import psutil

from deploy.local.state import Process, State, find
from deploy.local.waiting import until

# PostgreSQL's word for a quick but orderly end; SIGTERM would wait for its clients.
_STOP_SIGNALS = {"postgres": signal.SIGINT}


async def stop(state: State, timeout_seconds: float) -> list[str]:
    """Stops what is recorded and still lives, killing it after the time-out; the names of what there was."""
    left = [process for process in state.processes if find(process.pid, process.create_time)]
    for process, alive in _alive(left):
        with contextlib.suppress(psutil.NoSuchProcess):
            alive.send_signal(_STOP_SIGNALS.get(process.name, signal.SIGTERM))
    await until(lambda: not _alive(left), timeout_seconds)
    for _, alive in _alive(left):
        with contextlib.suppress(psutil.NoSuchProcess):
            for doomed in (*alive.children(recursive=True), alive):
                doomed.kill()
    await until(lambda: not _alive(left))
    return [process.name for process in left]


def _alive(processes: list[Process]) -> list[tuple[Process, psutil.Process]]:
    return [(process, alive) for process in processes if (alive := find(process.pid, process.create_time))]
