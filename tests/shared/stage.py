"""Servers of the test's own with services on them, to be killed, stopped and brought back at will."""

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
import psutil

from shared.bus import EVENTS_STREAM, Bus
from shared.contracts import SERVICES
from shared.contracts.ask import subject_of
from shared.migrations import provision, role_of
from shared.settings import Settings
from tests.servers import Servers
from tests.shared.shelf import TABLES, BookAdded
from tests.world import Process, World


class Stage:
    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.world = World(servers, folder)
        self.folder = folder
        self.shelf_password = secrets.token_hex(8)

    async def prepare(self) -> None:
        for service in SERVICES:
            await provision(self.servers.owner_url, service, self.world.passwords[service])
        await provision(self.servers.owner_url, "shelf", self.shelf_password)
        async with self.owner() as owner:
            await owner.execute(TABLES)

    @property
    def shelf_url(self) -> str:
        parts = urlsplit(self.servers.owner_url)
        login = f"{role_of('shelf')}:{self.shelf_password}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=login))

    def settings(self, **settings: Any) -> Settings:
        return Settings(
            **({"nats_url": self.servers.nats_url, "database_url": self.shelf_url, "process_name": "test"} | settings)
        )

    def shelf(self, copy: str = "shelf", **settings: object) -> Process:
        """A copy of the shelf service that is not started yet."""
        env = self.world.env(copy, **({"database_url": self.shelf_url} | settings))
        argv = [sys.executable, "-c", "from tests.shared import shelf; shelf.run()"]
        return Process(copy, argv, env, self.folder / f"{copy}.log")

    @contextlib.asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self.world.connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def emptied(self) -> None:
        async with self.owner() as owner:
            await owner.execute(
                "truncate shelf.outbox, shelf.idempotency, shelf.shelves, shelf.books, shelf.arrivals, shelf.poison"
            )
            await owner.execute("truncate accounts.users cascade")

    def signal_postgres(self, how: signal.Signals) -> None:
        """To the postmaster and to every process that serves a connection."""
        for process in self._postgres():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)

    async def kill(self, name: str) -> None:
        """Nobody is left of it when this returns: who still has a hand on the shared memory would hold up the next."""
        family = self._postgres() if name == "postgres" else []
        self.servers.processes[name].kill()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.to_thread(self.servers.processes[name].wait, 20)
        await asyncio.to_thread(psutil.wait_procs, family, 20)

    async def restart(self, name: str) -> None:
        """Starts again what has ended, and waits until it answers."""
        self._start(name)
        if name == "postgres":
            await self._until_postgres()

    async def heal(self) -> None:
        """Brings back what a test has left stopped or ended."""
        for name, process in self.servers.processes.items():
            if process.poll() is not None:
                await self.restart(name)
        self.signal_postgres(signal.SIGCONT)
        self.servers.processes["nats"].send_signal(signal.SIGCONT)

    def _start(self, name: str) -> None:
        self.servers.start_again(name)

    def _postgres(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.servers.processes["postgres"].pid)
        return [postmaster, *postmaster.children(recursive=True)]

    async def _until_postgres(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                async with self.owner() as owner:
                    await owner.execute("select 1")
                return
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                words = self.servers.words("postgres")
                assert time.monotonic() < end, f"PostgreSQL does not come back:\n{words}"
                await asyncio.sleep(0.05)


async def until_answered(bus: Bus, service: str, copies: int = 1) -> None:
    """Waits until so many copies of a service have joined the bus."""
    end = time.monotonic() + 20
    found: set[bytes] = set()
    while len(found) < copies:
        assert time.monotonic() < end, f"only {len(found)} copies of {service} answer"
        with contextlib.suppress(Exception):
            found.add((await bus._client.request(f"$SRV.PING.{service}", timeout=0.5)).data)
        await asyncio.sleep(0.01)


async def at_work(stage: Stage, transactions: int) -> bool:
    """Are so many transactions of the shelf under way, and wait for somebody else than the database?"""
    query = "select count(*) from pg_stat_activity where usename = $1 and state = 'idle in transaction'"
    async with stage.owner() as owner:
        return bool(await owner.fetchval(query, role_of("shelf")) >= transactions)


async def books_told(bus: Bus) -> list[tuple[str, int]]:
    """Every book that the event stream knows of, in the order of the stream."""
    last = (await bus._stream.stream_info(EVENTS_STREAM)).state
    told = []
    for sequence in range(max(last.first_seq, 1), last.last_seq + 1):
        message = await bus._stream.get_msg(EVENTS_STREAM, sequence)
        if message.subject == subject_of(BookAdded):
            event = msgspec.msgpack.decode(message.data or b"", type=BookAdded)
            told.append((event.shelf, event.place))
    return told
