"""``waypost up`` as an operator has it, whose processes are killed and hang; its supervisor brings them back."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, NamedTuple

from deploy.local import state
from deploy.local.data_dir import DataDir
from deploy.local.state import Phase
from shared import bus as buses
from shared.settings import Settings
from tests.chaos.books import Platform
from tests.chaos.hanging import hung
from tests.deploy.command import Up

BACK_SECONDS = 60.0
LOOK_SECONDS = 0.05
PARTS = ("gateway", "links", "analytics", "nats", "valkey", "postgres")
GATEWAYS = ("gateway-1", "gateway-2")


class Trouble(NamedTuple):
    part: str
    how: Literal["kill", "hang"]
    seconds: float  # how long it hangs


def plan(dice: random.Random, each: int, longest_hang: float) -> list[Trouble]:
    """Every part is killed and hangs ``each`` times, in random order."""
    troubles = [
        Trouble(part, how, dice.uniform(0.5, 1.0) * longest_hang)
        for part in PARTS
        for how in ("kill", "hang")
        for _ in range(each)
    ]
    dice.shuffle(troubles)
    return troubles


class Town:
    def __init__(self, up: Up, url: str) -> None:
        self.url = url
        self.troubles: Counter[str] = Counter()
        self._data = DataDir(up.data)

    @contextlib.asynccontextmanager
    async def platform(self) -> AsyncIterator[Platform]:
        """For the time before and after the troubles: the client drops a socket whenever it meets a NATS that hangs."""
        servers = state.read_running(self._data).servers
        async with buses.connect(Settings(nats_url=servers.nats_url, process_name="proof")) as bus:
            yield Platform(bus, servers.database_url)

    async def suffer(self, trouble: Trouble, dice: random.Random) -> None:
        """Returns when the process is well again."""
        name = dice.choice(GATEWAYS) if trouble.part == "gateway" else trouble.part
        before = self._part(name)
        process = state.find(before.pid, before.create_time)
        assert process, f"{name} does not run"
        self.troubles[f"{trouble.how} {trouble.part}"] += 1
        if trouble.how == "kill":
            process.kill()
            await self._until_another_runs(name, process.pid)
        else:
            with hung(process):
                await asyncio.sleep(trouble.seconds)

    def _part(self, name: str) -> state.Process:
        recorded = state.read_running(self._data)
        return next(process for process in recorded.processes if process.name == name)

    async def _until_another_runs(self, name: str, pid: int) -> None:
        end = time.monotonic() + BACK_SECONDS
        while (part := self._part(name)).pid in (None, pid) or part.state is not Phase.RUNNING:
            assert time.monotonic() < end, f"{name} did not come back"
            await asyncio.sleep(LOOK_SECONDS)


@contextlib.asynccontextmanager
async def begin(folder: Path, **environ: str) -> AsyncIterator[Town]:
    """Two gateway workers on one port; ``environ`` holds settings as an operator would give them."""
    with Up(folder / "data", "--workers", "2", **environ) as up:
        yield Town(up, await asyncio.to_thread(up.wait_until_ready))
