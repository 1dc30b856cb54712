from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from shared.contracts.accounts import Account, Tier
from tests.dialects.client import Client
from tests.world import Gateway, World

NewClient = Callable[..., Awaitable[Client]]


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
