"""What a killed supervisor left is stopped by the next, and nothing else is."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from deploy.local import leftovers, state
from deploy.local.data_dir import DataDir
from deploy.local.state import Phase, Process, State
from deploy.local.trouble import Trouble
from tests.deploy.tiny import STUBBORN

SLEEP = "print(flush=True); import time; time.sleep(600)"


@contextmanager
def running(program: str, *words: str) -> "Iterator[subprocess.Popen[bytes]]":
    argv = [sys.executable, "-c", program, *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as child:
        try:
            assert child.stdout
            child.stdout.readline()
            yield child
        finally:
            child.kill()


def recorded(pid: int, create_time: float, name: str = "links") -> State:
    process = Process(name=name, pid=pid, create_time=create_time, state=Phase.RUNNING, address=None)
    return State(pid=pid, create_time=create_time, url="http://127.0.0.1:1", processes=[process])


async def test_a_recorded_process_that_still_runs_is_stopped() -> None:
    with running(SLEEP) as child:
        assert await leftovers.stop(recorded(child.pid, psutil.Process(child.pid).create_time()), 5) == ["links"]
        assert child.wait() == -signal.SIGTERM


async def test_one_that_ignores_that_is_killed(data: DataDir) -> None:
    with running(STUBBORN, str(data.root / "serves")) as child:
        began = time.monotonic()
        await leftovers.stop(recorded(child.pid, psutil.Process(child.pid).create_time()), 0.3)
        assert child.wait() == -signal.SIGKILL
        assert time.monotonic() - began < 10


async def test_somebody_else_with_the_same_number_is_left_alone() -> None:
    with running(SLEEP) as child:
        assert await leftovers.stop(recorded(child.pid, psutil.Process(child.pid).create_time() - 60), 5) == []
        await asyncio.sleep(0.2)
        assert child.poll() is None


async def test_postgres_is_asked_for_a_quick_end() -> None:
    # What a shell starts in the background begins with this signal ignored.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    with running(f"{listening}; {SLEEP}") as child:
        await leftovers.stop(recorded(child.pid, psutil.Process(child.pid).create_time(), "postgres"), 5)
        # Python turns SIGINT into an exception and then dies of it.
        assert child.wait() == -signal.SIGINT


def test_the_state_of_a_dead_stack_is_not_taken_for_a_running_one(data: DataDir) -> None:
    state.write(data, recorded(os.getpid(), 1.0))
    with pytest.raises(Trouble, match="No stack runs"):
        state.read_running(data)


def test_the_state_is_private_and_read_back_as_written(data: DataDir) -> None:
    written = recorded(os.getpid(), psutil.Process().create_time())
    state.write(data, written)
    assert state.read_running(data) == written
    assert data.state.stat().st_mode & 0o777 == 0o600
