"""A bus of the test's own, and servers of the test's own for those who kill and stop them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from shared import bus as buses
from shared import database as databases
from shared.answering import Answerer, Answering
from shared.bus import EVENTS_STREAM, Bus
from shared.contracts.ask import Ask
from shared.database import Database
from shared.settings import Settings
from tests import servers as test_servers
from tests.servers import Servers
from tests.shared.echo import Echo
from tests.shared.nats_server import NatsServer
from tests.shared.stage import Stage, until_answered
from tests.world import Process


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return Settings(nats_url=servers.nats_url, ask_timeout_seconds=10)


@pytest.fixture
async def bus(settings: Settings) -> AsyncIterator[Bus]:
    async with buses.connect(settings) as bus:
        yield bus


@contextlib.asynccontextmanager
async def answering(
    bus: Bus, settings: Settings, answerers: Mapping[type[Ask[Any]], Answerer]
) -> AsyncIterator[Answering]:
    """A copy of the echo service, in this process."""
    copy = Answering(bus, settings, "echo", answerers)
    await copy.start()
    try:
        yield copy
    finally:
        await copy.stop()


@pytest.fixture
async def echo(bus: Bus, settings: Settings) -> AsyncIterator[Echo]:
    """A copy of the echo service that answers over the same connection."""
    copy = Echo(bus)
    async with answering(bus, settings, copy.answerers):
        yield copy


Begin = Callable[[str], AbstractAsyncContextManager[tuple[Echo, Answering]]]


@pytest.fixture
def begin(settings: Settings) -> Begin:
    """A copy of the echo service with a connection of its own; stopped at the end, or before by the test."""

    @contextlib.asynccontextmanager
    async def begin(name: str) -> AsyncIterator[tuple[Echo, Answering]]:
        async with buses.connect(settings) as own_bus:
            copy = Echo(own_bus, name)
            answers = Answering(own_bus, settings, "echo", copy.answerers)
            await answers.start()
            yield copy, answers

    return begin


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
async def stage() -> AsyncIterator[Stage]:
    """Servers that may be killed and stopped; each test leaves them running."""
    with test_servers.open_folder() as folder:
        stage = Stage(test_servers.start(folder), folder)
        await stage.prepare()
        yield stage
        await stage.heal()
        stage.servers.stop()


@pytest.fixture
async def stage_bus(stage: Stage) -> AsyncIterator[Bus]:
    """On the stage's NATS, with streams and tables that are empty."""
    await stage.heal()
    await stage.emptied()
    async with buses.connect(stage.settings(ask_timeout_seconds=10)) as bus:
        await bus.ensure_streams()
        await bus._stream.purge_stream(EVENTS_STREAM)
        yield bus


@pytest.fixture
async def shelf(stage: Stage, stage_bus: Bus) -> AsyncIterator[Process]:
    """A running copy of the shelf service."""
    process = stage.shelf()
    await process.start()
    await until_answered(stage_bus, "shelf")
    yield process
    await process.stop()


@pytest.fixture
async def database(stage: Stage, stage_bus: Bus) -> AsyncIterator[Database]:
    """The shelf service's own pool, in this process."""
    async with databases.connect(stage.settings(database_pool_size=8), "shelf") as database:
        yield database
