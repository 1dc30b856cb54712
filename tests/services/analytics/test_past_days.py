"""Days that are over: the first report that reads them leaves only their most frequent values."""

import asyncio
import random
from datetime import datetime, timedelta

from services.analytics import tallies
from services.analytics.tallies import DIMENSIONS, REST
from shared import ids
from shared.contracts.analytics import GetReport, Report, Visit
from shared.contracts.modes import Mode
from tests.services.analytics.visits import NOON, batch, rows, send, until_drained, visit
from tests.world import World

CAMPAIGN = DIMENSIONS.index("utm_campaign")
YESTERDAY = NOON - timedelta(days=1)
FREQUENT, RARE = 100, 30


def crowd(workspace: str, link: str, at: datetime) -> list[Visit]:
    """As many frequent campaigns as a day keeps, and rare ones that came before them."""
    rare = [visit(workspace, link, at=at, query=f"utm_campaign=r{each}") for each in range(RARE)]
    frequent = [visit(workspace, link, at=at, query=f"utm_campaign=f{each}") for each in range(FREQUENT)]
    return [*rare, *frequent, *frequent]


async def report(world: World, workspace: str, link: str | None, at: datetime) -> Report:
    return await world.bus.ask(GetReport(workspace=workspace, mode=Mode.LIVE, link=link, start=at, end=at))


async def campaigns(world: World, workspace: str) -> dict[str, dict[str, int]]:
    """Those that are stored, by table."""
    found = {}
    for table in ("link_days", "workspace_days"):
        (row,) = await rows(world, f"select details from analytics.{table} where workspace = $1", workspace)
        found[table] = tallies.read(row["details"]).values[CAMPAIGN]
    return found


async def test_of_a_day_that_is_over_the_rare_values_become_one_and_no_figure_changes(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await send(world, batch(crowd(workspace, link, YESTERDAY)))
    await until_drained(world)
    whole = {f"f{each}": 2 for each in range(FREQUENT)} | {f"r{each}": 1 for each in range(RARE)}
    assert await campaigns(world, workspace) == {"link_days": whole, "workspace_days": whole}
    told = await report(world, workspace, link, YESTERDAY)
    assert await report(world, workspace, None, YESTERDAY) == told
    assert told.clicks == 2 * FREQUENT + RARE
    shown = told.breakdowns.utm_campaigns
    assert (len(shown), shown[-1].name, sum(share.clicks for share in shown)) == (51, "Other", told.clicks)
    short = {f"f{each}": 2 for each in range(FREQUENT)} | {REST: RARE}
    assert await campaigns(world, workspace) == {"link_days": short, "workspace_days": short}
    assert await report(world, workspace, link, YESTERDAY) == told
    # What comes late is counted on top of it.
    await send(world, batch([visit(workspace, link, at=YESTERDAY, query="utm_campaign=f7")]))
    await until_drained(world)
    later = (await report(world, workspace, link, YESTERDAY)).breakdowns.utm_campaigns
    assert (later[0].name, later[0].clicks) == ("f7", 3)
    assert sum(share.clicks for share in later) == told.clicks + 1


async def test_the_running_day_keeps_its_rare_values(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    now = datetime.now(NOON.tzinfo)
    await send(world, batch(crowd(workspace, link, now)))
    await until_drained(world)
    before = await campaigns(world, workspace)
    await report(world, workspace, link, now)
    assert await campaigns(world, workspace) == before


async def test_a_day_that_others_hold_is_told_without_waiting_for_them(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await send(world, batch(crowd(workspace, link, YESTERDAY)))
    await until_drained(world)
    before = await campaigns(world, workspace)
    owner = await world.connect()
    try:
        async with owner.transaction():
            await owner.execute("select from analytics.link_days where workspace = $1 for update", workspace)
            told = await report(world, workspace, link, YESTERDAY)
        assert await campaigns(world, workspace) == before
    finally:
        await owner.close()
    assert await report(world, workspace, link, YESTERDAY) == told
    assert (await campaigns(world, workspace))["link_days"] != before["link_days"]


async def test_clicks_that_come_late_while_reports_are_read_are_all_counted(world: World) -> None:
    for _ in range(3):  # on a machine that stands still, all of them may come between two reports
        if await different_reports(world) > 2:
            return
    raise AssertionError("The clicks have never come while reports were read")


async def different_reports(world: World) -> int:
    """How many were told while the clicks came."""
    workspace, link = ids.new(), ids.new()
    visits = crowd(workspace, link, YESTERDAY) * 10
    random.shuffle(visits)
    await send(world, batch(visits[:500]))
    await until_drained(world)
    late = asyncio.create_task(_trickle(world, visits[500:]))
    seen = []
    while not late.done():
        seen.append((await report(world, workspace, link, YESTERDAY)).clicks)
    await late
    await until_drained(world)
    assert (await report(world, workspace, link, YESTERDAY)).clicks == len(visits)
    assert [sum(counts.values()) for counts in (await campaigns(world, workspace)).values()] == [len(visits)] * 2
    return len(set(seen))


async def _trickle(world: World, visits: list[Visit]) -> None:
    for begin in range(0, len(visits), 20):
        await send(world, batch(visits[begin : begin + 20]))
        await asyncio.sleep(0.01)
