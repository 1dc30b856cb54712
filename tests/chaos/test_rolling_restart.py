"""Two copies of everything are restarted one after the other, under load, and no customer and no visitor notices."""

import asyncio
import contextlib
from collections.abc import Sequence

import aiohttp
import pytest

from shared.contracts import SERVICES
from shared.contracts.accounts import Tier
from shared.ids import new as new_id
from tests.chaos.conftest import Own, Say
from tests.chaos.customers import LOOK_SECONDS, Balancer, Customers, new_link, restart
from tests.world import PATIENT, PATIENT_SERVICE

NOTICE_SECONDS = 1.5
PATIENCE_SECONDS = 20
FORMS = [
    pytest.param(("links",), id="short"),
    pytest.param(SERVICES, id="full", marks=pytest.mark.long),
]


@pytest.mark.parametrize("services", FORMS)
async def test_nobody_notices(own: Own, services: Sequence[str], say: Say) -> None:
    world = own.world
    off = {"limit_address_per_minute": 0, "limit_address_keyed_per_minute": 0, "limit_user_per_hour": 0}
    account = await world.account(Tier.CREATOR)
    async with contextlib.AsyncExitStack() as stack:
        copies = [[world.service(name, copy, **PATIENT_SERVICE) for copy in (2, 3)] for name in services]
        for name, both in zip(services, copies, strict=True):
            usual = world.services[name]
            stack.push_async_callback(usual.start_serving)
            for copy in both:
                stack.push_async_callback(copy.stop)
                await copy.start_serving()
            await usual.stop()
        gateways = []
        for name in ("gateway-one", "gateway-two"):
            journal = world.folder / new_id()
            gateway = await world.start_gateway(
                name, "gateway", journal_dir=journal, stop_notice_seconds=NOTICE_SECONDS, **PATIENT, **off
            )
            stack.push_async_callback(gateway.process.stop)
            gateways.append(gateway)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        balancer = Balancer(gateways, session)
        looking = asyncio.create_task(balancer.keep_looking())
        # An hour's allowance of one key would not do.
        keys = [(await world.key(await world.account(Tier.CREATOR))).secret for _ in range(3)]
        slug = await new_link(session, gateways[0], (await world.key(account)).secret)
        customers = Customers(balancer, keys, slug)
        async with customers.coming():
            await asyncio.sleep(1)
            for both in copies:
                for copy in both:
                    await restart(copy)
            for gateway in gateways:
                assert await gateway.process.stop() == 0
                await gateway.start()
                await asyncio.sleep(2 * LOOK_SECONDS)  # the balancer has seen it
            await asyncio.sleep(1)
        looking.cancel()
    say(restarted=2 * (len(copies) + 1), requests=customers.outcomes, slowest=f"{customers.slowest:.3f} s")
    assert set(customers.outcomes) == {"200", "201", "302"}
