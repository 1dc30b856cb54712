"""Proofs that a crash loses nothing: they kill and hang servers, so they share none with the other tests."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable

import asyncpg
import msgspec
import psutil
import pytest

from deploy.local.child import Command
from tests import servers as test_servers
from tests import world as worlds
from tests.chaos.books import Platform
from tests.shared.waiting import until
from tests.world import World

# Names the random numbers of an earlier run, which is then made again as far as processes allow.
SEED = "CHAOS_SEED"

Say = Callable[..., None]


class Own(Platform, frozen=True):
    """Servers and services of the proofs' own."""

    world: World

    def server(self, name: str) -> psutil.Process:
        return psutil.Process(self.world.servers.processes[name].pid)

    @contextlib.asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """The server is gone inside the block, and comes back at its end; nobody waits for it."""
        servers = self.world.servers
        # PostgreSQL knows a word for it; after a kill it could not start before the last of its processes has noticed.
        servers.processes[name].send_signal(signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
        await asyncio.to_thread(servers.processes[name].wait)
        try:
            yield
        finally:
            servers.start_again(name)

    @contextlib.asynccontextmanager
    async def otherwise(self, name: str, command: Command) -> AsyncIterator[None]:
        """Inside the block the server runs with another command, on the same data and the same port."""
        commands = self.world.servers.commands
        usual = commands[name]
        await self._run_as(name, command)
        try:
            yield
        finally:
            await self._run_as(name, usual)

    async def _run_as(self, name: str, command: Command) -> None:
        async with self.away(name):
            self.world.servers.commands[name] = command
            # Whoever was connected has noticed it, and is not taken for somebody who answers.
            await until(lambda: name != "nats" or not self.bus.connected)
        await until(self._reached, 20)
        for service in self.world.services:
            await self.world.until_answered(service)

    async def _reached(self) -> bool:
        try:
            await (await self.world.connect()).close()
        except (OSError, asyncpg.PostgresError):
            return False
        return self.bus.connected


@pytest.fixture(scope="package")
async def own() -> AsyncIterator[Own]:
    with test_servers.open_folder() as folder:
        servers = test_servers.start(folder)
        async with worlds.begin(servers, folder) as world:
            yield Own(world.bus, servers.owner_url, world)
        servers.stop()


@pytest.fixture
def seed() -> int:
    return int(os.environ.get(SEED) or random.randrange(2**32))


@pytest.fixture
def say(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Say:
    """Prints one line of JSON with what a proof has found, in the middle of the run."""

    def line(**found: object) -> None:
        with capsys.disabled():
            print(f"\n{msgspec.json.encode({'name': request.node.name} | found).decode()}", flush=True)

    return line
