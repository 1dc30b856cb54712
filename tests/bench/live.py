"""How long a click takes to those who watch, and what a hundred of them cost the gateway."""

import asyncio
import contextlib
import time

import aiohttp
import msgspec
import psutil

from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from tests.bench import lab, pace
from tests.bench.figures import Figure, at_most
from tests.bench.pace import Crew
from tests.client import Client
from tests.sse import Watch, watch

CUSTOMERS = 10
WATCHERS_OF_EACH = 10
CLICKS_PER_SECOND = 200
SECONDS = 5
_SETTLE_SECONDS = 2.0
_PATIENCE_SECONDS = 20.0
_MIB = 1 << 20


async def live() -> list[Figure]:
    async with lab.lab("live") as room, room.gateway() as gateway, aiohttp.ClientSession() as session:
        crew = Crew(gateway.url, 64)
        customers = (await room.customers(CUSTOMERS))[:CUSTOMERS]
        clients = [Client(session, gateway.url, each.key, each.account) for each in customers]
        link = await room.world.bus.ask(
            CreateLink(
                workspace=customers[0].account.workspace.id, mode=Mode.LIVE, destination_url="https://example.com"
            )
        )
        process = psutil.Process(gateway.pids[0])
        await crew.ask(pace.get(f"/{link.slug}"), 302)
        await asyncio.sleep(_SETTLE_SECONDS)
        before = process.memory_info().rss
        medians, tails = [], []
        async with contextlib.AsyncExitStack() as open_streams:
            watching = [
                await open_streams.enter_async_context(watch(client))
                for client in clients
                for _ in range(WATCHERS_OF_EACH)
            ]
            await asyncio.sleep(_SETTLE_SECONDS)
            taken = (process.memory_info().rss - before) / _MIB
            rest = [asyncio.create_task(_drain(each)) for each in watching[1:]]
            for turn in range(lab.TURNS + 1):
                await room.quiet()
                waits = await _turn(crew, watching[0], link.slug, turn)
                medians.append(pace.percentile(waits, 0.5))
                tails.append(pace.percentile(waits, 0.99))
                room.say(f"turn {turn} of {lab.TURNS}: half after {medians[-1]:.2f} s, 99 % after {tails[-1]:.2f} s")
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        return [
            Figure(f"p99 at {CLICKS_PER_SECOND}/s", "s", tuple(tails[1:]), at_most(1)),
            Figure(f"p50 at {CLICKS_PER_SECOND}/s", "s", tuple(medians[1:])),
            Figure(f"memory for {len(watching)} streams", "MiB", (taken,)),
        ]


async def _turn(crew: Crew, watching: Watch, slug: str, turn: int) -> list[float]:
    """Seconds from each answered click to its event. Each click is known by its campaign."""
    campaigns = [f"{turn}-{number}" for number in range(CLICKS_PER_SECOND * SECONDS)]
    clicks = [pace.get(f"/{slug}?utm_campaign={campaign}") for campaign in campaigns]
    looking = asyncio.create_task(_seen(watching, len(campaigns)))
    made = await crew.pace(clicks, per_second=CLICKS_PER_SECOND, status=302)
    seen = await looking
    return [seen[campaign] - done.answered for campaign, done in zip(campaigns, made, strict=True)]


async def _seen(watching: Watch, number: int) -> dict[str, float]:
    """When each campaign was shown, until there are so many."""
    seen: dict[str, float] = {}
    async with asyncio.timeout(SECONDS + _PATIENCE_SECONDS):
        while len(seen) < number:
            event = await watching.next(SECONDS + _PATIENCE_SECONDS)
            campaign = msgspec.json.decode(event.data)["utmCampaign"]
            if campaign is not None:
                seen[campaign] = time.perf_counter()
    return seen


async def _drain(watching: Watch) -> None:
    async for _ in watching.answer.content.iter_any():
        continue
