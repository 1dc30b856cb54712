"""What dies is started again; what cannot start is explained; what runs is stopped, in order, with nothing left."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from deploy.local.backoff import Backoff
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.state import Phase
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble
from deploy.local.waiting import until
from shared.settings import Settings
from tests.deploy.tiny import BROKEN, SERVE, STUBBORN, Tiny


@pytest.fixture
async def supervisor(data: DataDir, settings: Settings, console: Console) -> AsyncIterator[Supervisor]:
    async with supervised(data, settings, console) as made:
        yield made


@contextlib.asynccontextmanager
async def supervised(
    data: DataDir, settings: Settings, console: Console, hurry: asyncio.Event | None = None
) -> AsyncIterator[Supervisor]:
    made = Supervisor(data, settings, console, lambda: None, hurry or asyncio.Event())
    try:
        yield made
    finally:
        await made.stop()


def pid_of(supervisor: Supervisor, name: str) -> int:
    found = [process.pid for process in supervisor.processes if process.name == name]
    assert found[0]
    return found[0]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def phases(supervisor: Supervisor) -> list[Phase]:
    return [process.state for process in supervisor.processes]


def test_the_pause_doubles_up_to_five_seconds_and_starts_anew_after_ten_good_ones() -> None:
    backoff = Backoff()
    assert [backoff.wait() for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.was_well_for(9.9)
    assert backoff.wait() == 5.0
    backoff.was_well_for(10.0)
    assert backoff.wait() == 0.1


async def test_a_killed_process_is_started_again_at_the_same_address(supervisor: Supervisor, tmp_path: Path) -> None:
    part = Tiny("links", SERVE, tmp_path)
    await supervisor.start([part])
    first, address = pid_of(supervisor, "links"), part.address
    os.kill(first, signal.SIGKILL)
    assert await until(lambda: part.starts == 2 and phases(supervisor) == [Phase.RUNNING], 30)
    assert pid_of(supervisor, "links") != first
    assert part.address == address


async def test_a_server_that_finds_its_port_taken_gets_another(supervisor: Supervisor, tmp_path: Path) -> None:
    program = f"""
import pathlib
once = pathlib.Path({str(tmp_path / "once")!r})
if not once.exists():
    once.touch()
    raise SystemExit("address already in use")
{SERVE}
"""
    part = Tiny("nats", program, tmp_path)
    await supervisor.start([part])
    assert part.starts == 2
    assert len(set(part.ports)) == 2


async def test_a_process_that_never_serves_is_given_up_with_its_last_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    parts = [Tiny("links", SERVE, tmp_path), Tiny("keys", BROKEN, tmp_path)]
    with pytest.raises(Trouble, match=r"(?s)keys ended 5 times .* exit status 1.*out of order"):
        await supervisor.start(parts)
    assert phases(supervisor) == [Phase.RUNNING, Phase.FAILED]


async def test_a_process_that_stays_silent_is_given_up(
    data: DataDir, settings: Settings, console: Console, tmp_path: Path
) -> None:
    impatient = msgspec.structs.replace(settings, local_start_timeout_seconds=0.5)
    async with supervised(data, impatient, console) as supervisor:
        with pytest.raises(Trouble, match="keys has not answered for"):
            await supervisor.start([Tiny("keys", "import time; time.sleep(600)", tmp_path)])


async def test_the_last_group_is_stopped_first(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = f"""
import pathlib, signal, sys, time
def stop(*_):
    with open({str(order)!r}, "a") as file: file.write(pathlib.Path(sys.argv[1]).stem + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
{SERVE}
"""
    for name in ("servers", "services", "gateways"):
        await supervisor.start([Tiny(name, program, tmp_path)])
    pids = [process.pid for process in supervisor.processes]
    await supervisor.stop()
    assert read(order).split() == ["gateways", "services", "servers"]
    assert phases(supervisor) == [Phase.STOPPED] * 3
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


async def test_who_does_not_stop_is_killed_at_once_when_somebody_is_in_a_hurry(
    data: DataDir, settings: Settings, console: Console, tmp_path: Path
) -> None:
    hurry = asyncio.Event()
    patient = msgspec.structs.replace(settings, stop_timeout_seconds=60.0)
    async with supervised(data, patient, console, hurry) as supervisor:
        await supervisor.start([Tiny("keys", STUBBORN, tmp_path)])
        began = time.monotonic()
        hurry.set()
    assert time.monotonic() - began < 20


async def test_who_does_not_stop_is_killed_when_its_time_is_over(
    data: DataDir, settings: Settings, console: Console, tmp_path: Path
) -> None:
    brief = msgspec.structs.replace(settings, stop_timeout_seconds=0.5)
    async with supervised(data, brief, console) as supervisor:
        await supervisor.start([Tiny("keys", STUBBORN, tmp_path)])
        pid = pid_of(supervisor, "keys")
    assert not psutil.pid_exists(pid)


async def test_what_a_process_says_is_shown_and_kept(
    supervisor: Supervisor, tmp_path: Path, shown: Callable[[], str], data: DataDir
) -> None:
    await supervisor.start([Tiny("links", SERVE, tmp_path)])
    assert await until(lambda: "links     │ serving\n" in shown(), 20)
    assert read(data.logs / "links.log") == "serving\n"


async def test_a_server_speaks_to_its_log_only(
    supervisor: Supervisor, tmp_path: Path, shown: Callable[[], str], data: DataDir
) -> None:
    part = Tiny("postgres", SERVE, tmp_path)
    part.heard = False
    await supervisor.start([part])
    assert await until(lambda: read(data.logs / "postgres.log") == "serving\n", 20)
    await supervisor.stop()
    assert "serving" not in shown()
