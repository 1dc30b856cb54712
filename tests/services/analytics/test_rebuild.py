"""The roll-ups of a day, made anew from its raw visits."""

import asyncio
import random
import signal
import sys
from datetime import date, datetime, timedelta

import msgspec

from shared import ids
from shared.contracts.analytics import Batch, GetReport, Interval, Kind, Report, Visit
from shared.contracts.modes import Mode
from tests.services.analytics.conftest import Day
from tests.services.analytics.visits import batch, counted, everywhere, rows, send, until, until_drained, visit
from tests.world import ROOT, World

Command = asyncio.subprocess.Process


async def start(world: World, first: date, last: date) -> Command:
    words = (sys.executable, "-m", "services.analytics.rebuild", "--from", first.isoformat(), "--to", last.isoformat())
    env = world.env("rebuild", database_url=world.database_url("analytics"), ingest_batches=1, ship_batch_clicks=100)
    return await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE)


async def rebuild(world: World, first: date, last: date) -> tuple[int | None, dict[str, object]]:
    """The exit status, and what the command says."""
    process = await start(world, first, last)
    said, _ = await process.communicate()
    return process.returncode, msgspec.json.decode(said, type=dict[str, object])


def crowd(workspace: str, noon: datetime, number: int) -> list[Visit]:
    links = [ids.new() for _ in range(20)]
    made = [
        visit(
            workspace,
            random.choice(links),
            at=noon + timedelta(seconds=each),
            visitor=f"{workspace} {random.randrange(number // 3)}",
            bot=each % 11 == 0,
            query=f"utm_campaign=c{random.randrange(30)}",
            country=random.choice(["AT", "DE", ""]),
        )
        for each in range(number)
    ]
    return [*made, visit(workspace, at=noon, kind=Kind.VIEW), visit(workspace, at=noon, kind=Kind.VIEW, bot=True)]


async def kept(world: World, workspace: str) -> list[object]:
    """All roll-ups of a workspace, and what is known of its visitors."""
    found: list[object] = []
    for table, key in (
        ("link_days", "link, day"),
        ("workspace_days", "day"),
        ("visitors", "day, visitor"),
        ("visitor_links", "day, visitor, link"),
    ):
        found += map(
            tuple, await rows(world, f"select * from analytics.{table} where workspace = $1 order by {key}", workspace)
        )
    totals = """
        select link, clicks from analytics.link_totals
        where link in (select link from analytics.link_days where workspace = $1) order by link"""
    views = "select mode, views from analytics.profile_totals where workspace = $1 order by mode"
    return found + [tuple(row) for query in (totals, views) for row in await rows(world, query, workspace)]


async def report(world: World, workspace: str, noon: datetime) -> Report:
    return await world.bus.ask(
        GetReport(workspace=workspace, mode=Mode.LIVE, start=noon, end=noon, interval=Interval.HOUR)
    )


async def test_damaged_roll_ups_are_as_they_were_after_they_have_been_made_anew(world: World, day: Day) -> None:
    workspace, noon, other = ids.new(), await day(11), await day(12)
    visits = crowd(workspace, noon, 1000)
    await send(world, batch(visits), batch([visit(workspace, visits[0].link, at=other)]))
    await until_drained(world)
    before, told = await kept(world, workspace), await report(world, workspace, noon)
    assert told.clicks == 909
    link, stray = visits[0].link, ids.new()
    await rows(world, "update analytics.link_days set clicks = 1, details = '' where link = $1", link)
    await rows(world, "delete from analytics.link_days where link = $1", visits[1].link)
    await rows(
        world,
        "insert into analytics.link_days (workspace, mode, link, day, clicks, bots) values ($1, 'live', $2, $3, 5, 0)",
        workspace,
        stray,
        noon.date(),
    )
    await rows(world, "update analytics.link_totals set clicks = clicks + 9 where link = $1", visits[2].link)
    await rows(world, "update analytics.workspace_days set uniques = 0, views = 7 where workspace = $1", workspace)
    await rows(world, "update analytics.profile_totals set views = 7 where workspace = $1", workspace)
    await rows(world, "delete from analytics.visitors where workspace = $1", workspace)
    assert await report(world, workspace, noon) != told
    status, said = await rebuild(world, other.date(), noon.date())
    assert status == 0
    assert said["days"] == 2
    assert await kept(world, workspace) == before
    assert await report(world, workspace, noon) == told


async def test_a_day_that_was_shortened_tells_the_same_when_it_has_been_made_anew(world: World, day: Day) -> None:
    workspace, link, noon = ids.new(), ids.new(), await day(19)
    common = [visit(workspace, link, at=noon, query=f"utm_campaign=c{each}") for each in range(110)]
    rare = [visit(workspace, link, at=noon, query=f"utm_campaign=r{each}") for each in range(20)]
    await send(world, batch([*common, *rare, *common]))
    await until_drained(world)
    whole = await kept(world, workspace)
    told = await report(world, workspace, noon)
    short = await kept(world, workspace)
    assert short != whole
    assert (await rebuild(world, noon.date(), noon.date()))[0] == 0
    assert await kept(world, workspace) != short
    assert await report(world, workspace, noon) == told
    assert await kept(world, workspace) == short


async def test_who_has_been_counted_before_the_roll_ups_were_made_anew_is_not_new_afterwards(
    world: World, day: Day
) -> None:
    workspace, link, noon = ids.new(), ids.new(), await day(13)
    await send(world, batch([visit(workspace, link, at=noon)]))
    await until_drained(world)
    assert (await rebuild(world, noon.date(), noon.date()))[0] == 0
    await send(world, batch([visit(workspace, link, at=noon + timedelta(seconds=1))]))
    await until_drained(world)
    seen = await report(world, workspace, noon)
    assert (seen.clicks, seen.uniques, seen.bounce_rate) == (2, 1, 0.0)


async def test_clicks_that_come_meanwhile_are_neither_lost_nor_counted_twice(world: World, day: Day) -> None:
    workspace, noon = ids.new(), await day(14)
    visits = crowd(workspace, noon, 6000)
    sent = [batch(visits[begin : begin + 60]) for begin in range(0, len(visits), 60)]
    await send(world, *sent[:40])
    coming = asyncio.create_task(_trickle(world, sent[40:]))
    for _ in range(3):
        assert (await rebuild(world, noon.date(), noon.date()))[0] == 0
    await coming
    await until_drained(world)
    clicks = [each for each in visits if each.kind is Kind.CLICK and not each.bot]
    bots = sum(each.bot for each in visits if each.kind is Kind.CLICK)
    assert await counted(world, workspace) == everywhere(len(clicks), bots, views=1)
    seen = await report(world, workspace, noon)
    assert (seen.clicks, seen.uniques) == (len(clicks), len({each.visitor for each in clicks}))


async def _trickle(world: World, batches: list[Batch]) -> None:
    for each in batches:
        await send(world, each)
        await asyncio.sleep(0.02)


async def test_a_kill_in_the_middle_leaves_everything_as_it_was(world: World, day: Day) -> None:
    workspace, noon = ids.new(), await day(15)
    await send(world, batch(crowd(workspace, noon, 300)))
    await until_drained(world)
    before = await kept(world, workspace)
    owner = await world.connect()
    async with owner.transaction():
        # The last things to be written, so that all others have been when it waits for these.
        await owner.execute("lock table analytics.link_totals in exclusive mode")
        process = await start(world, noon.date(), noon.date())
        await until(lambda: _waiting(world), lambda number: number == 1)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert await kept(world, workspace) == before
    await owner.close()
    await until(lambda: _sessions(world), lambda number: number == 0)
    assert await kept(world, workspace) == before
    assert (await rebuild(world, noon.date(), noon.date()))[0] == 0
    assert await kept(world, workspace) == before


async def _waiting(world: World) -> int:
    return len(await rows(world, f"{_SESSIONS} and wait_event_type = 'Lock'"))


async def _sessions(world: World) -> int:
    return len(await rows(world, _SESSIONS))


_SESSIONS = "select from pg_stat_activity where application_name = 'waypost rebuild'"


async def test_a_day_whose_raw_visits_are_gone_is_refused_and_left_alone(world: World, day: Day) -> None:
    workspace, link, noon = ids.new(), ids.new(), await day(17)
    await send(world, batch([visit(workspace, link, at=noon)]))
    await until_drained(world)
    before = await kept(world, workspace)
    await rows(world, f"drop table analytics.visits_{noon:%Y%m%d}")
    await day(16)
    status, said = await rebuild(world, noon.date(), noon.date() + timedelta(days=1))
    assert status == 1
    assert said == {"error": f"The raw visits of {noon.date()} are not kept any more, so nothing can be made of them"}
    assert await kept(world, workspace) == before


async def test_days_in_the_wrong_order_are_refused(world: World, day: Day) -> None:
    noon = await day(18)
    status, said = await rebuild(world, noon.date(), noon.date() - timedelta(days=1))
    assert status == 1
    assert "is after" in str(said["error"])
