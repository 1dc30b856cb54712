"""One set of servers and one copy of every service for the whole run."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import HealthCheck, settings

from shared.contracts.accounts import Account, Tier
from tests import servers as test_servers
from tests import world as worlds
from tests.client import Client, NewClient
from tests.names import Names, naming
from tests.receiver import Receiver, receiving
from tests.servers import Servers
from tests.world import PATIENT, Gateway, World

# A machine that is slow for a moment makes no property untrue.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

A_CENTURY = 36_500  # days


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with test_servers.open_folder() as folder:
        started = test_servers.start(folder)
        yield started
        started.stop()


@pytest.fixture(scope="session")
async def names() -> AsyncIterator[Names]:
    """The DNS, as far as domains are looked up in it."""
    async with naming() as started:
        yield started


@pytest.fixture(scope="session")
async def world(servers: Servers, names: Names, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    # They say as much as they can, so that whoever looks for a secret in what they say looks through all of it.
    async with worlds.begin(
        servers,
        folder,
        log_level="debug",
        access_log="all",
        domains_dns_servers=names.server,
        database_acquire_timeout_seconds=10,
        domains_dns_timeout_seconds=5,
        # Whoever is started again tidies up at once, and what tests date back must not go while they look at it.
        **dict.fromkeys(("clicks_keep_days", "batches_keep_days", "visitors_keep_days"), A_CENTURY),
    ) as begun:
        yield begun


@pytest.fixture(scope="session")
async def gateway(world: World) -> AsyncIterator[Gateway]:
    # The suite as a whole comes from one address, so the layers by address would answer it 429.
    started = await world.start_gateway(
        "gateway",
        log_level="debug",
        access_log="all",
        limit_address_per_minute=0,
        limit_address_keyed_per_minute=0,
        limit_misses_per_minute=0,
        limit_pages_per_minute=0,
        **PATIENT,
    )
    yield started
    await started.process.stop()


@pytest.fixture(scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=20)) as opened:
        yield opened


@pytest.fixture
def new_client(world: World, gateway: Gateway, session: aiohttp.ClientSession) -> NewClient:
    """A client with a key of its own; without an account given, in a workspace of its own."""

    async def make(account: Account | None = None, *, tier: Tier = Tier.CREATOR, **key: object) -> Client:
        account = account or await world.account(tier)
        created = await world.key(account, **key)
        return Client(session, gateway.url, created.secret, account)

    return make


@pytest.fixture
async def client(new_client: NewClient) -> Client:
    """A creator with a workspace and a key that may do everything."""
    return await new_client()


@pytest.fixture
def visitor(gateway: Gateway, session: aiohttp.ClientSession) -> Client:
    """Somebody without a key."""
    return Client(session, gateway.url, None, None)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody's server that takes what webhooks tell it."""
    async with receiving() as started:
        yield started
