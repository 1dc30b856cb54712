"""A workspace of its own for every test, and an ear for what the service tells."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from nats.aio.msg import Msg

from shared import database as databases
from shared import ids
from shared.bus import Bus
from shared.bus.messages import ID_HEADER, settle
from shared.contracts.ask import subject_of
from shared.contracts.links import CreateLink, Link, LinkCreated, LinkDeleted, LinkExpired, LinkUpdated
from shared.contracts.modes import Mode
from shared.database import Database
from shared.encoding import decoder_for
from tests.names import Names
from tests.world import Process, World

Told = LinkCreated | LinkUpdated | LinkDeleted | LinkExpired
KINDS: dict[str, type[Told]] = {subject_of(kind): kind for kind in (LinkCreated, LinkUpdated, LinkDeleted, LinkExpired)}


class Ear:
    """Everything told since the run began, each once, in order."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._news = asyncio.Event()

    async def hear(self, message: Msg) -> None:
        kind = KINDS.get(message.subject)
        if kind is not None:
            # Whoever tells does so again when the stream is slow to say that it has heard.
            self._told.setdefault((message.headers or {})[ID_HEADER], decoder_for(kind).decode(message.data))
            self._news.set()

    async def until(self, link_id: str, count: int) -> list[Told]:
        """The first ``count`` events about a link; fails after twenty seconds without them."""
        async with asyncio.timeout(20):
            while len(about := [event for event in self._told.values() if event.link.id == link_id]) < count:
                self._news.clear()
                await self._news.wait()
        return about


class Desk:
    """One workspace and mode, and the question that is asked most often."""

    def __init__(self, bus: Bus, workspace: str, mode: Mode) -> None:
        self.bus = bus
        self.workspace = workspace
        self.mode = mode

    async def create(self, destination_url: str = "https://example.com", **fields: object) -> Link:
        ask = CreateLink(workspace=self.workspace, mode=self.mode, destination_url=destination_url, **fields)  # type: ignore[arg-type]
        return await self.bus.ask(ask)


@pytest.fixture(scope="session")
async def ear(world: World) -> Ear:
    ear = Ear()
    # By one subscription: several would each be in order, but not with one another.
    await world.bus._client.subscribe("events.links.*", cb=ear.hear)
    await settle(world.bus._client)
    return ear


@pytest.fixture
async def second_copy(world: World, names: Names) -> AsyncIterator[Process]:
    """Shares the questions with the first copy of the service."""
    # As patient as the first one.
    patience = {"database_acquire_timeout_seconds": 10, "domains_dns_timeout_seconds": 5}
    copy = world.service("links", 2, domains_dns_servers=names.server, **patience)
    await copy.start_serving()
    yield copy
    assert await copy.stop() == 0


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.bus, ids.new(), Mode.LIVE)


@pytest.fixture
def test_desk(desk: Desk) -> Desk:
    """The same workspace in test mode."""
    return Desk(desk.bus, desk.workspace, Mode.TEST)


@pytest.fixture
async def owner(world: World) -> AsyncIterator[asyncpg.Connection]:
    connection = await world.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def database(world: World) -> AsyncIterator[Database]:
    settings = world.settings(database_url=world.database_url("links"), database_acquire_timeout_seconds=10)
    async with databases.connect(settings, "links") as connected:
        yield connected


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)
