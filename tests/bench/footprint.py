"""What the whole embedded stack takes: time until it serves, and memory."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil

from deploy.local import state
from deploy.local.data_dir import DataDir
from shared.contracts import SERVICES
from tests.bench import lab
from tests.bench.figures import Figure, Target, at_most

_START_SECONDS = 120
_IDLE_SECONDS = 10.0
_MIB = 1 << 20


class Stack:
    """One ``waypost up`` on a free port."""

    def __init__(self, data: Path, process: asyncio.subprocess.Process, took: float) -> None:
        self.data = data
        self.pid = process.pid
        self.took = took  # seconds to the ready line

    def processes(self) -> dict[str, psutil.Process]:
        """By name; the supervisor is one of them."""
        running = state.read_running(DataDir(self.data))
        return {"supervisor": psutil.Process(self.pid)} | {
            each.name: psutil.Process(each.pid) for each in running.processes if each.pid
        }


async def ready() -> list[Figure]:
    firsts: list[float] = []
    laters: list[float] = []
    for turn in range(1, lab.TURNS + 1):
        with tempfile.TemporaryDirectory(prefix="waypost-bench-") as place:
            for starts in (firsts, laters):
                async with _up(Path(place) / "data") as stack:
                    starts.append(stack.took)
        _say("ready", f"turn {turn} of {lab.TURNS}: {firsts[-1]:.1f} s, later {laters[-1]:.1f} s")
    return [
        Figure("first start to the ready line", "s", tuple(firsts), at_most(8)),
        Figure("later start to the ready line", "s", tuple(laters), at_most(8)),
    ]


async def memory() -> list[Figure]:
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as place:
        for turn in range(1, lab.TURNS + 1):
            async with _up(Path(place) / "data") as stack:
                await asyncio.sleep(_IDLE_SECONDS)
                for name, value in _memory(stack).items():
                    figures.setdefault(name, []).append(value)
            _say("memory", f"turn {turn} of {lab.TURNS}: {figures[_WHOLE][-1]:.0f} MiB in all")
    return [Figure(name, "MiB", tuple(values), _limit(name)) for name, values in figures.items()]


_WHOLE = "all processes, PSS"
_LARGEST = "largest of ours, RSS"


def _memory(stack: Stack) -> dict[str, float]:
    """RSS counts what is shared in full, PSS its share; only sums of PSS say what the machine has given."""
    figures: dict[str, float] = {_WHOLE: 0.0, _LARGEST: 0.0}
    for name, process in stack.processes().items():
        # PostgreSQL is a process for every connection. The supervisor's children are in the list themselves.
        family = [process, *(process.children(recursive=True) if name != "supervisor" else ())]
        rss, pss = (sum(sizes) for sizes in zip(*map(_sizes, family), strict=True))
        figures[_WHOLE] += pss
        figures[f"{name}, PSS"] = pss
        if _ours(name):
            figures[f"{name}, RSS"] = rss
            figures[_LARGEST] = max(figures[_LARGEST], rss)
    return figures


def _sizes(process: psutil.Process) -> tuple[float, float]:
    """RSS and PSS in MiB."""
    found = process.memory_full_info()
    return found.rss / _MIB, found.pss / _MIB


def _ours(name: str) -> bool:
    return name == "supervisor" or name in SERVICES or name.startswith("gateway")


def _limit(name: str) -> Target | None:
    return {_WHOLE: at_most(600), _LARGEST: at_most(70)}.get(name)


@contextlib.asynccontextmanager
async def _up(data: Path) -> AsyncIterator[Stack]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "deploy.cli", "up", "--port", "0", "--data", str(data)),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not re.match(rb"ready http", line := await process.stdout.readline()):
                if not line:
                    raise RuntimeError("waypost up has ended before it was ready")
        took = time.monotonic() - began
        # Whatever else it says must not fill the pipe.
        draining = asyncio.create_task(process.stdout.read())
        yield Stack(data, process, took)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()
    await draining


def _say(row: str, words: str) -> None:
    print(f"  {row}: {words}", file=sys.stderr, flush=True)
