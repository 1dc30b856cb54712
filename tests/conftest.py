"""One set of servers and one copy of every service for the whole run."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import servers as test_servers
from tests import world as worlds
from tests.servers import Servers
from tests.world import Gateway, World


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = test_servers.start(tmp_path_factory.mktemp("servers"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
async def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    async with worlds.begin(servers, folder) as begun:
        yield begun


@pytest.fixture(scope="session")
async def gateway(world: World) -> AsyncIterator[Gateway]:
    # The suite as a whole comes from one address, so the layers by address would answer it 429.
    started = await world.start_gateway(
        "gateway",
        limit_address_per_minute=0,
        limit_address_keyed_per_minute=0,
        limit_misses_per_minute=0,
        limit_pages_per_minute=0,
    )
    yield started
    await started.process.stop()
