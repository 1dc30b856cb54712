"""Whatever happens to those who count: the figures of visitors and of breakdowns agree with the clicks themselves."""

import random
import signal
from collections import Counter

from services.analytics import tallies
from services.analytics.tallies import DIMENSIONS
from shared import ids
from shared.contracts.analytics import Batch, Visit
from tests.services.analytics.conftest import Copies
from tests.services.analytics.visits import batch, rows, send, until_drained, visit
from tests.world import World

KILLS = 4


def crowd(workspace: str, number: int) -> list[Visit]:
    """Clicks of people who come once, or again and again, to a few links that all of them share."""
    links = [ids.new() for _ in range(50)]
    people = [f"{workspace} {each}" for each in range(number)]
    return [
        visit(
            workspace,
            random.choice(links),
            visitor=people[min(int(random.expovariate(4) * number), number - 1)],
            query=f"utm_campaign=c{random.randrange(30)}",
            country=random.choice(["AT", "DE", ""]),
        )
        for _ in range(number)
    ]


def batches(visits: list[Visit], size: int) -> list[Batch]:
    return [batch(visits[begin : begin + size]) for begin in range(0, len(visits), size)]


async def check(world: World, workspace: str, visits: list[Visit]) -> None:
    by_visitor = Counter(each.visitor for each in visits)
    campaigns = Counter(each.query.removeprefix("utm_campaign=") for each in visits)
    places = Counter(each.country for each in visits if each.country)
    single = sum(clicks == 1 for clicks in by_visitor.values())
    pairs = len({(each.visitor, each.link) for each in visits})
    for table, uniques in (("link_days", pairs), ("workspace_days", len(by_visitor))):
        found = await rows(world, f"select * from analytics.{table} where workspace = $1", workspace)
        sums = Counter[str]()
        for row in found:
            sums.update({name: row[name] for name in ("clicks", "uniques", "entries", "bounces", "took_us")})
        assert sums == {
            "clicks": len(visits),
            "uniques": uniques,
            "entries": len(by_visitor),
            "bounces": single,
            "took_us": 180 * len(visits),
        }
        details = [tallies.read(row["details"]) for row in found]
        assert sum(hour.clicks for each in details for hour in each.hours.values()) == len(visits)
        assert sum(hour.uniques for each in details for hour in each.hours.values()) == uniques
        for name, expected in (("utm_campaign", campaigns), ("place", places)):
            values = Counter[str]()
            for each in details:
                values.update(each.values[DIMENSIONS.index(name)])
            assert values == expected


async def test_two_copies_count_the_same_people_at_once(world: World, copies: Copies) -> None:
    workspace = ids.new()
    visits = crowd(workspace, 20_000)
    async with copies(2, ingest_batches=2, rollup_rows=300) as both:
        await send(world, *batches(visits, 200))
        await until_drained(world)
        assert not any("deadlock" in process.said for process in both)
    await check(world, workspace, visits)


async def test_a_copy_that_is_killed_among_two_leaves_nothing_half_counted(world: World, copies: Copies) -> None:
    workspace = ids.new()
    visits = crowd(workspace, 10_000)
    sent = batches(visits, 50)
    share = len(sent) // KILLS
    async with copies(2, ingest_batches=2, rollup_rows=300) as both:
        for kill in range(KILLS):
            await send(world, *sent[kill * share : (kill + 1) * share])
            await both[kill % 2].stop(signal.SIGKILL)
            await both[kill % 2].start()
        await until_drained(world)
    await check(world, workspace, visits)
