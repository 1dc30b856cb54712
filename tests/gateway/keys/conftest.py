"""Two gateways, for what must hold at each of them."""

from collections.abc import AsyncIterator

import pytest

from tests.client import Client, NewClient
from tests.world import PATIENT, Gateway, World


@pytest.fixture(scope="package")
async def gateways(world: World) -> AsyncIterator[list[Gateway]]:
    started = [
        await world.start_gateway(
            name,
            limit_address_per_minute=0,
            limit_address_keyed_per_minute=0,
            log_level="debug",
            gateway_workers=2,
            **PATIENT,
        )
        for name in ("gateway-keys-a", "gateway-keys-b")
    ]
    yield started
    for gateway in started:
        await gateway.process.stop()


@pytest.fixture
async def places(gateways: list[Gateway], new_client: NewClient) -> list[Client]:
    """The same creator at either gateway."""
    client = await new_client()
    return [client.at(gateway.url) for gateway in gateways]
