"""How long people wait: for an answer at a steady pace, and for a click to be seen in the report."""

import asyncio
import time

import msgspec

from tests.bench import lab, pace
from tests.bench.api import LIST, equip
from tests.bench.figures import Figure, at_most
from tests.bench.pace import Crew

READS_PER_SECOND = 500
CLICKS_PER_SECOND = 200
SECONDS = 5
_REPORT = "/v1/analytics?period=7d&metric=clicks"
_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 20.0


async def steady() -> list[Figure]:
    async with lab.lab("steady") as room, room.gateway() as gateway:
        crew = pace.Crew(gateway.url, 64)
        customers, _ = await equip(room)
        requests = [
            pace.get(LIST, customers[number % len(customers)].key) for number in range(READS_PER_SECOND * SECONDS)
        ]
        medians, tails = [], []
        for turn in range(lab.TURNS + 1):
            await room.quiet()
            took = [done.took * 1000 for done in await crew.pace(requests, per_second=READS_PER_SECOND, status=200)]
            median, tail = pace.percentile(took, 0.5), pace.percentile(took, 0.99)
            room.say(f"{_turn(turn)}: half within {median:.1f} ms, 99 % within {tail:.1f} ms")
            if turn:
                medians.append(median)
                tails.append(tail)
        return [
            Figure(f"p99 at {READS_PER_SECOND}/s", "ms", tuple(tails), at_most(15)),
            Figure(f"p50 at {READS_PER_SECOND}/s", "ms", tuple(medians)),
        ]


async def visible() -> list[Figure]:
    async with lab.lab("visible") as room, room.gateway() as gateway:
        crew = pace.Crew(gateway.url, 64)
        (customer, *_), _ = await equip(room)
        link = msgspec.json.decode(await crew.ask(pace.get("/v1/links?limit=1", customer.key), 200))["links"][0]
        clicks = [pace.get(f"/{link['shortCode']}")] * (CLICKS_PER_SECOND * SECONDS)
        before, medians, tails = 0, [], []
        for turn in range(lab.TURNS + 1):
            await room.quiet()
            looking = asyncio.create_task(_looks(crew, customer.key, before + len(clicks)))
            made = await crew.pace(clicks, per_second=CLICKS_PER_SECOND, status=302)
            waits = _waits(sorted(done.answered for done in made), before, await looking)
            before += len(clicks)
            median, tail = pace.percentile(waits, 0.5), pace.percentile(waits, 0.99)
            room.say(f"{_turn(turn)}: half after {median:.2f} s, 99 % after {tail:.2f} s")
            if turn:
                medians.append(median)
                tails.append(tail)
        return [
            Figure(f"p99 at {CLICKS_PER_SECOND}/s", "s", tuple(tails), at_most(2)),
            Figure(f"p50 at {CLICKS_PER_SECOND}/s", "s", tuple(medians)),
        ]


async def _looks(crew: Crew, key: str, all_of_them: int) -> list[tuple[float, int]]:
    """When a report was there, and how many clicks it told, until it tells all of them."""
    looks: list[tuple[float, int]] = []
    until = time.perf_counter() + SECONDS + _PATIENCE_SECONDS
    while time.perf_counter() < until:
        seen = msgspec.json.decode(await crew.ask(pace.get(_REPORT, key), 200))["summary"]["clicks"]
        looks.append((time.perf_counter(), seen))
        if seen >= all_of_them:
            return looks
        await asyncio.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"The report tells {looks[-1][1]} clicks of {all_of_them}")


def _waits(answered: list[float], before: int, looks: list[tuple[float, int]]) -> list[float]:
    """Clicks are counted in the order in which they were answered, so the n-th is seen when the report tells n."""
    waits, place = [], 0
    for at, seen in looks:
        while place < seen - before:
            waits.append(at - answered[place])
            place += 1
    return waits


def _turn(turn: int) -> str:
    return f"turn {turn} of {lab.TURNS}" if turn else "warm-up"
