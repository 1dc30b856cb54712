"""Customers and visitors behind a load balancer, who write down how they were served."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import aiohttp

from tests.chaos.crowd import AGENT
from tests.world import Gateway, Process

PER_SECOND = 100
LOOK_SECONDS = 0.2  # between two looks of the balancer at a gateway


class Balancer:
    """What every load balancer does: sends to gateways that say they are ready, and to another when nobody opens."""

    def __init__(self, gateways: Sequence[Gateway], session: aiohttp.ClientSession) -> None:
        self._session = session
        self.send_to(gateways)

    def send_to(self, gateways: Sequence[Gateway]) -> None:
        """From now on to these; what is under way elsewhere is finished there."""
        self._gateways = gateways
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


async def restart(copy: Process) -> None:
    """Returns when it answers again."""
    assert await copy.stop() == 0
    await copy.start_serving()


async def new_link(session: aiohttp.ClientSession, gateway: Gateway, key: str) -> str:
    """Its short code."""
    body = {"title": "Link", "url": "https://example.com/there"}
    async with session.post(f"{gateway.url}/v1/links", json=body, headers={"Authorization": f"Bearer {key}"}) as made:
        slug: str = (await made.json())["shortCode"]
        return slug
