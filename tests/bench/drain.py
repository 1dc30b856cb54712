"""How fast a backlog of clicks is counted, and what it takes."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import psutil

from shared.contracts.analytics import CLICKS_SUBJECT
from tests.bench import crowd, lab
from tests.bench.figures import Figure, at_least
from tests.bench.lab import Lab

CLICKS = 1_000_000
PARTS = 10
_LOOK_SECONDS = 0.1
_ACK_SECONDS = 20.0
_MIB = 1024 * 1024


class Look(msgspec.Struct, frozen=True):
    at: float  # seconds, by a clock of its own
    clicks: int
    analytics_seconds: float  # of processor time
    postgres_seconds: float
    memory: int  # bytes of the analytics process


async def drain() -> list[Figure]:
    async with lab.lab("drain") as room:
        for service in room.world.services.values():
            await service.stop()
        await _publish(room)
        await room.world.services["analytics"].start()
        looks = [look async for look in _watch(room)]
    return _figures(looks)


def _figures(looks: list[Look]) -> list[Figure]:
    # The first batches pay for the start of the process, the last ones are all that is left.
    first, last = looks[0], looks[-1]
    drained = last.clicks - first.clicks
    marks = [
        next(look for look in looks if look.clicks - first.clicks >= drained * part / PARTS)
        for part in range(PARTS + 1)
    ]
    rates = [(b.clicks - a.clicks) / (b.at - a.at) for a, b in itertools.pairwise(marks) if b.clicks > a.clicks]
    return [
        Figure("clicks counted", "/s", (drained / (last.at - first.at),), at_least(20_000)),
        Figure("a tenth of them", "/s", tuple(rates)),
        Figure(
            "processor time, analytics", "µs", ((last.analytics_seconds - first.analytics_seconds) / drained * 1e6,)
        ),
        Figure("processor time, PostgreSQL", "µs", ((last.postgres_seconds - first.postgres_seconds) / drained * 1e6,)),
        Figure("memory of analytics, at most", "MiB", (max(look.memory for look in looks) / _MIB,)),
    ]


async def _publish(room: Lab) -> None:
    room.say(f"{CLICKS:,} clicks go into the stream")
    for batch in crowd.batches(CLICKS):
        await room.world.bus.publish(CLICKS_SUBJECT, msgspec.msgpack.encode(batch), batch.id, _ACK_SECONDS)


async def _watch(room: Lab) -> AsyncIterator[Look]:
    """Looks from the first counted batch until the last."""
    owner = await room.world.connect()
    told = 0
    try:
        while told < CLICKS:
            look = await _look(room, owner)
            if look.clicks:
                yield look
            if look.clicks * PARTS // CLICKS > told * PARTS // CLICKS:
                share = look.clicks * PARTS // CLICKS
                room.say(f"[{'#' * share:<{PARTS}}] {look.clicks:,} counted")
            told = look.clicks
            if room.world.services["analytics"].ended:
                raise RuntimeError(room.world.services["analytics"].log.read_text()[-4000:])
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await owner.close()


async def _look(room: Lab, owner: asyncpg.Connection) -> Look:
    batches = await owner.fetchval("select count(*) from analytics.batches")
    analytics = psutil.Process(room.world.services["analytics"].pid)
    postgres = psutil.Process(room.world.servers.processes["postgres"].pid)
    return Look(
        at=time.perf_counter(),
        clicks=batches * crowd.BATCH,
        analytics_seconds=_cpu(analytics),
        postgres_seconds=sum(map(_cpu, [postgres, *postgres.children(recursive=True)])),
        memory=analytics.memory_info().rss,
    )


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
