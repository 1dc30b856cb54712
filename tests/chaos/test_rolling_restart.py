"""Two copies of everything are restarted one after the other, under load, and no customer and no visitor notices."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest

from shared.contracts import SERVICES
from shared.contracts.accounts import Tier
from shared.ids import new as new_id
from tests.chaos.conftest import Own, Say
from tests.world import Gateway, Process

PER_SECOND = 100
LOOK_SECONDS = 0.2  # between two looks of the balancer at a gateway
NOTICE_SECONDS = 1.5
PATIENCE_SECONDS = 20
FORMS = [
    pytest.param(("links",), id="short"),
    pytest.param(SERVICES, id="full", marks=pytest.mark.long),
]
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Balancer:
    """What every load balancer does: sends to gateways that say they are ready, and to another when nobody opens."""

    def __init__(self, gateways: Sequence[Gateway], session: aiohttp.ClientSession) -> None:
        self._gateways = gateways
        self._session = session
        self._ready = set(range(len(gateways)))
        self._turns = itertools.cycle(range(len(gateways)))

    async def keep_looking(self) -> None:
        while True:
            for place, gateway in enumerate(self._gateways):
                ready = False
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with self._session.get(f"{gateway.url}/readyz") as answer:
                        ready = answer.status == 200
                (self._ready.add if ready else self._ready.discard)(place)
            await asyncio.sleep(LOOK_SECONDS)

    async def send(self, method: str, path: str, **given: object) -> int:
        places = [next(self._turns) for _ in self._gateways]
        for place in [place for place in places if place in self._ready] or places:
            try:
                async with self._session.request(
                    method,
                    self._gateways[place].url + path,
                    allow_redirects=False,
                    **given,  # type: ignore[arg-type]
                ) as answer:
                    await answer.read()
                    return answer.status
            except aiohttp.ClientConnectorError:
                continue
        return 0


class Customers:
    """Read, write and follow links, in turn, whatever happens."""

    def __init__(self, balancer: Balancer, keys: Sequence[str], slug: str) -> None:
        self._balancer = balancer
        self._keys = keys
        self._slug = slug
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0

    @contextlib.asynccontextmanager
    async def coming(self) -> AsyncIterator[None]:
        tasks: set[asyncio.Task[None]] = set()

        async def come() -> None:
            began = time.monotonic()
            for number in itertools.count():
                task = asyncio.create_task(self._one(number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                await asyncio.sleep(began + (number + 1) / PER_SECOND - time.monotonic())

        coming = asyncio.create_task(come())
        try:
            yield
        finally:
            coming.cancel()
            await asyncio.wait([coming])
            if tasks:
                await asyncio.wait(tasks)

    async def _one(self, number: int) -> None:
        key = {"Authorization": f"Bearer {self._keys[number % len(self._keys)]}"}
        began = time.monotonic()
        try:
            if number % 5 < 2:
                status = await self._balancer.send("GET", f"/{self._slug}", headers={"User-Agent": AGENT})
            elif number % 5 < 4:
                status = await self._balancer.send("GET", "/v1/links?limit=10", headers=key)
            else:
                body = {"title": f"Link {number}", "url": "https://example.com/there"}
                status = await self._balancer.send("POST", "/v1/links", json=body, headers=key)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.outcomes[type(error).__name__] += 1
            return
        self.outcomes[str(status)] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)


@pytest.mark.parametrize("services", FORMS)
async def test_nobody_notices(own: Own, services: Sequence[str], say: Say) -> None:
    world = own.world
    off = {"limit_address_per_minute": 0, "limit_address_keyed_per_minute": 0, "limit_user_per_hour": 0}
    account = await world.account(Tier.CREATOR)
    async with contextlib.AsyncExitStack() as stack:
        copies = {name: [world.services[name], world.service(name, 2)] for name in services}
        for name, (_, second) in copies.items():
            await second.start()
            stack.push_async_callback(second.stop)
            await second.until_says(f"The {name} service answers")
        gateways = []
        for name in ("gateway-one", "gateway-two"):
            journal = world.folder / new_id()
            gateway = await world.start_gateway(
                name, "gateway", journal_dir=journal, stop_notice_seconds=NOTICE_SECONDS, **off
            )
            stack.push_async_callback(gateway.process.stop)
            gateways.append(gateway)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        balancer = Balancer(gateways, session)
        looking = asyncio.create_task(balancer.keep_looking())
        # An hour's allowance of one key would not do.
        keys = [(await world.key(await world.account(Tier.CREATOR))).secret for _ in range(3)]
        slug = await _new_link(session, gateways[0], (await world.key(account)).secret)
        customers = Customers(balancer, keys, slug)
        async with customers.coming():
            await asyncio.sleep(1)
            for name, both in copies.items():
                for copy in both:
                    await _restart(copy, f"The {name} service answers")
            for gateway in gateways:
                assert await gateway.process.stop() == 0
                await gateway.start()
                await asyncio.sleep(2 * LOOK_SECONDS)  # the balancer has seen it
            await asyncio.sleep(1)
        looking.cancel()
    say(restarted=2 * (len(copies) + 1), requests=customers.outcomes, slowest=f"{customers.slowest:.3f} s")
    assert set(customers.outcomes) == {"200", "201", "302"}


async def _restart(copy: Process, words: str) -> None:
    before = copy.log.read_text().count(words)
    assert await copy.stop() == 0
    await copy.start()
    for _ in range(800):
        if copy.log.read_text().count(words) > before:
            return
        await asyncio.sleep(0.025)
    raise AssertionError(f"{copy.name} did not come back:\n{copy.log.read_text()[-4000:]}")


async def _new_link(session: aiohttp.ClientSession, gateway: Gateway, key: str) -> str:
    body = {"title": "Link", "url": "https://example.com/there"}
    async with session.post(f"{gateway.url}/v1/links", json=body, headers={"Authorization": f"Bearer {key}"}) as made:
        slug: str = (await made.json())["shortCode"]
        return slug
