"""A report of a month, of a link that is clicked all the time against one that is clicked now and then."""

import random
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import msgspec

from services.analytics import store_days
from services.analytics.store_days import LinkDayRow
from services.analytics.tallies import DIMENSIONS, Details, Hour
from shared.contracts.analytics import GetReport
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.bench import lab
from tests.bench.figures import Figure, at_most
from tests.bench.lab import Lab

DAYS = 30
MANY = 10_000_000
FEW = 10_000
ASKED = 20  # times in a turn
# How many values there are of each dimension; the n-th comes 1/n times as often as the first.
KNOWN = {
    "place": 250,
    "device": 4,
    "os": 12,
    "browser": 40,
    "referrer": 300,
    "language": 30,
    "utm_source": 20,
    "utm_medium": 6,
    "utm_campaign": 60,
    "utm_term": 200,
    "utm_content": 50,
}


async def report() -> list[Figure]:
    async with lab.lab("report") as room:
        workspace, most = new_id(), room.world.settings().values_per_day
        last = datetime.now(UTC).date()
        many, few, full = new_id(), new_id(), new_id()
        await _insert(room, workspace, many, last, _details(MANY // DAYS, KNOWN))
        await _insert(room, workspace, few, last, _details(FEW // DAYS, KNOWN))
        # As bad as it can be: as many values as a day keeps, in every dimension.
        await _insert(room, workspace, full, last, _details(MANY // DAYS, dict.fromkeys(DIMENSIONS, most)))
        ratios, took = [], dict[str, list[float]]({many: [], few: [], full: []})
        for turn in range(lab.TURNS + 1):
            await room.quiet()
            links = [many, few, full] if turn % 2 else [full, few, many]
            done = {link: await _ask(room, workspace, link, last) for link in links}
            room.say(f"turn {turn} of {lab.TURNS}: {done[many]:.1f} ms against {done[few]:.1f} ms")
            if turn:
                ratios.append(done[many] / done[few])
                for link, ms in done.items():
                    took[link].append(ms)
    return [
        Figure("ratio", "", tuple(ratios), at_most(1.5)),
        Figure(f"{MANY:,} clicks", "ms", tuple(took[many]), at_most(50)),
        Figure(f"{FEW:,} clicks", "ms", tuple(took[few])),
        Figure(f"{most} values in every dimension", "ms", tuple(took[full]), at_most(50)),
    ]


async def _ask(room: Lab, workspace: str, link: str, last: date) -> float:
    """Milliseconds, the mean of a few."""
    end = datetime(last.year, last.month, last.day, tzinfo=UTC)
    question = GetReport(workspace=workspace, mode=Mode.LIVE, link=link, start=end - timedelta(days=DAYS - 1), end=end)
    began = time.perf_counter()
    for _ in range(ASKED):
        await room.world.bus.ask(question)
    return (time.perf_counter() - began) / ASKED * 1000


async def _insert(room: Lab, workspace: str, link: str, last: date, details: Details) -> None:
    clicks = sum(hour.clicks for hour in details.hours.values())
    rows = [
        LinkDayRow(
            workspace,
            Mode.LIVE,
            link,
            last - timedelta(days=ago),
            clicks=clicks,
            bots=clicks // 50,
            took_us=clicks * 180,
            uniques=clicks // 2,
            entries=clicks // 2,
            bounces=clicks // 3,
            details=msgspec.msgpack.encode(details),
        )
        for ago in range(DAYS)
    ]
    owner = await room.world.connect()
    await owner.execute("set search_path to analytics")
    await store_days.insert_link_days(owner, rows)
    await owner.close()


def _details(clicks: int, known: dict[str, int]) -> Details:
    """What a day of so many clicks comes to."""
    return Details(
        hours={hour: Hour(clicks // 24, clicks // 48) for hour in range(24)},
        values=[_values(name, clicks, known[name]) for name in DIMENSIONS],
    )


def _values(name: str, clicks: int, number: int) -> dict[str, int]:
    """Drawn by lot, because a few clicks have many values that come once."""
    places = range(1, number + 1)
    drawn = Counter(random.choices(places, [1 / place for place in places], k=clicks))
    return {f"{name} {place}": times for place, times in drawn.items()}
