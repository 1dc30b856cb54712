from datetime import date, timedelta

import msgspec
import pytest

from shared import ids
from shared.contracts.analytics import CLICKS_SUBJECT, Day, GetOverview, Kind
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.services.analytics.visits import (
    NOON,
    batch,
    counted,
    everywhere,
    overview,
    rows,
    send,
    until,
    until_drained,
    visit,
)
from tests.world import World


async def test_a_report_has_every_day_of_its_range_and_counts_people_only(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    earlier = NOON - timedelta(days=2)
    await send(
        world,
        batch([visit(workspace, link), visit(workspace, link), visit(workspace, link, bot=True)]),
        batch([visit(workspace, kind=Kind.VIEW), visit(workspace, kind=Kind.VIEW, bot=True)]),
        batch([visit(workspace, link, at=earlier), visit(workspace, kind=Kind.VIEW, at=earlier)]),
    )
    first, last = NOON.date() - timedelta(days=3), NOON.date()
    report = await until(lambda: overview(world, workspace, first=first), lambda seen: seen.clicks + seen.views == 5)
    assert (report.clicks, report.views) == (3, 2)
    assert report.daily == (
        Day(date=first),
        Day(date=earlier.date(), clicks=1, views=1),
        Day(date=last - timedelta(days=1)),
        Day(date=last, clicks=2, views=1),
    )
    assert await counted(world, workspace) == everywhere(clicks=3, bots=1, views=2)


async def test_a_day_ends_at_midnight_utc(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    midnight = NOON + timedelta(hours=12)
    await send(world, batch([visit(workspace, link, at=midnight - timedelta(milliseconds=1))]))
    await send(world, batch([visit(workspace, link, at=midnight)]))
    report = await until(lambda: overview(world, workspace, last=midnight.date()), lambda seen: seen.clicks == 2)
    assert [day.clicks for day in report.daily] == [1, 1]


async def test_a_batch_that_comes_twice_counts_once(world: World) -> None:
    workspace = ids.new()
    twice = batch(visit(workspace, ids.new()) for _ in range(7))
    for message in ("first", "second"):
        # Under another message id the stream itself cannot tell that it has this batch already.
        payload = msgspec.msgpack.encode(twice)
        await world.bus.publish(CLICKS_SUBJECT, payload, f"{message}-{twice.id}", 5)
        await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks=7, bots=0, views=0)


async def test_a_batch_that_comes_twice_in_one_fetch_counts_once(world: World) -> None:
    workspace = ids.new()
    twice = msgspec.msgpack.encode(batch(visit(workspace, ids.new()) for _ in range(7)))
    owner = await world.connect()
    async with owner.transaction():
        # While the first transaction waits for this lock, the others gather in the stream.
        await owner.execute("lock table analytics.batches in exclusive mode")
        for number in range(6):
            await world.bus.publish(CLICKS_SUBJECT, twice, f"{number}-{workspace}", 5)
    await owner.close()
    await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks=7, bots=0, views=0)


async def test_what_happens_in_test_mode_is_not_seen_in_live_mode(world: World) -> None:
    workspace, link, try_out = ids.new(), ids.new(), ids.new()
    await send(
        world,
        batch([visit(workspace, link), *(visit(workspace, try_out, mode=Mode.TEST) for _ in range(3))]),
        batch([visit(workspace, kind=Kind.VIEW, mode=Mode.TEST)]),
    )
    test = await until(lambda: overview(world, workspace, Mode.TEST), lambda seen: seen.clicks + seen.views == 4)
    live = await until(lambda: overview(world, workspace, Mode.LIVE), lambda seen: seen.clicks == 1)
    assert (test.clicks, test.views) == (3, 1)
    assert (live.clicks, live.views) == (1, 0)


async def test_a_workspace_sees_its_own_visits_only(world: World) -> None:
    mine, theirs = ids.new(), ids.new()
    await send(world, batch([visit(mine, ids.new()), visit(theirs, ids.new()), visit(theirs, ids.new())]))
    report = await until(lambda: overview(world, mine), lambda seen: seen.clicks > 0)
    assert report.clicks == 1


async def test_a_visitor_who_sends_what_the_database_cannot_hold_costs_nobody_a_click(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await send(world, batch([visit(workspace, link, user_agent="odd\0agent"), visit(workspace, link)]))
    await until(lambda: overview(world, workspace), lambda seen: seen.clicks == 2)
    kept = await rows(world, "select user_agent from analytics.visits where workspace = $1", workspace)
    assert "odd\ufffdagent" in {row["user_agent"] for row in kept}


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 3, 2), date(2026, 3, 1)), (date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=400))],
)
async def test_an_impossible_range_is_refused_with_the_field(world: World, first: date, last: date) -> None:
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(GetOverview(workspace=ids.new(), mode=Mode.LIVE, first=first, last=last))
    assert refusal.value.code is Code.INVALID
    assert refusal.value.details[0]["field"] == "first"


async def test_the_longest_range_is_400_days_and_zeros_are_listed(world: World) -> None:
    first = date(2026, 1, 1)
    report = await overview(world, ids.new(), first=first, last=first + timedelta(days=399))
    assert report.daily == tuple(Day(date=first + timedelta(days=ahead)) for ahead in range(400))
