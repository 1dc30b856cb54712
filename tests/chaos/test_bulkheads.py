"""A service that hangs takes its own requests along, and nobody else's."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest

from shared.contracts.accounts import Tier
from tests.chaos.conftest import Own, Say
from tests.chaos.hanging import hung
from tests.client import Client
from tests.world import Gateway

PER_SECOND = 50
SECONDS = 4
TIMES = 2.0  # how much longer the slowest hundredth of the others may wait
LEAST_SECONDS = 0.05  # what is noise on a machine that has other things to do
ATTEMPTS = 3


@pytest.fixture
async def gateway(own: Own) -> AsyncIterator[Gateway]:
    off = {"limit_address_per_minute": 0, "limit_address_keyed_per_minute": 0}
    started = await own.world.start_gateway("gateway-bulkheads", **off)
    yield started
    await started.process.stop()


async def test_a_hung_service_leaves_the_others_as_fast_as_they_were(own: Own, gateway: Gateway, say: Say) -> None:
    account = await own.world.account(Tier.CREATOR)
    secret = (await own.world.key(account)).secret
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        client = Client(session, gateway.url, secret, account)
        for _ in range(ATTEMPTS):
            calm = await _p99(client, {200})
            links = own.world.services["links"]
            with hung(psutil.Process(links.pid)):
                meanwhile = await _p99(client, {503, 504})
            await own.world.until_answered("links")
            say(calm=f"{calm:.4f} s", hung=f"{meanwhile:.4f} s")
            if max(calm, meanwhile) < math.inf and meanwhile <= max(TIMES * calm, LEAST_SECONDS):
                return
    raise AssertionError(f"the others waited {meanwhile} s instead of {calm} s")


async def _p99(client: Client, of_links: set[int]) -> float:
    """Of profiles, while as many lists of links are asked for, which end with one of the statuses.

    Endless when anybody is answered otherwise, as may happen to all of them on a machine that stands still.
    """
    waits: list[float] = []

    async def profile() -> None:
        began = time.monotonic()
        served = (await client.get("/v1/profile")).status == 200
        waits.append(time.monotonic() - began if served else math.inf)

    async def links() -> None:
        if (await client.get("/v1/links")).status not in of_links:
            waits.append(math.inf)

    tasks = []
    began = time.monotonic()
    for number in range(SECONDS * PER_SECOND):
        tasks += [asyncio.create_task(profile()), asyncio.create_task(links())]
        await asyncio.sleep(began + (number + 1) / PER_SECOND - time.monotonic())
    await asyncio.gather(*tasks)
    if math.inf in waits:
        return math.inf
    return statistics.quantiles(waits, n=100)[98]
