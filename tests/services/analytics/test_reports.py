import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from shared import ids
from shared.contracts.analytics import GetReport, Interval, Kind, Place, Point, Report, Share, Visit
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.client import within
from tests.services.analytics.visits import NOON, batch, send, until, until_drained, visit
from tests.world import World

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOON - 12 * HOUR


async def report(
    world: World,
    workspace: str,
    link: str | None = None,
    *,
    start: datetime = NOON,
    end: datetime = NOON,
    interval: Interval = Interval.DAY,
    mode: Mode = Mode.LIVE,
) -> Report:
    return await world.bus.ask(
        GetReport(workspace=workspace, mode=mode, link=link, start=start, end=end, interval=interval)
    )


async def count(world: World, *visits: Visit) -> None:
    await send(world, batch(visits))
    await until_drained(world)


async def test_bots_are_counted_apart_and_are_in_no_other_figure(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await count(
        world,
        *(visit(workspace, link, visitor=who) for who in "ABC"),
        visit(workspace, link, visitor="D", bot=True, took_us=90_000, query="utm_source=bots"),
        visit(workspace, link, visitor="E", user_agent=CRAWLER),
        visit(workspace, kind=Kind.VIEW, visitor="F"),
    )
    for seen in (await report(world, workspace, link), await report(world, workspace)):
        assert (seen.clicks, seen.uniques, seen.bots, seen.bot_percentage) == (3, 3, 2, 40.0)
        assert seen.response_ms == 0.18
        assert seen.series == (Point(MIDNIGHT, 3, 3),)
        assert seen.breakdowns.browsers == (Share(name="Firefox", clicks=3, percentage=100.0),)
        assert seen.breakdowns.utm_sources == (Share(name="news", clicks=3, percentage=100.0),)


async def test_a_visitor_counts_once_a_day_and_link_and_once_a_day_in_the_workspace(world: World) -> None:
    workspace, one, other = ids.new(), ids.new(), ids.new()
    await count(
        world,
        *(visit(workspace, link, visitor=who, at=NOON - back * DAY) for link in (one, other) for who in "AAB"
          for back in (0, 1)),
    )  # fmt: skip
    # The same people again, in a batch of its own; and one more at the other link.
    await count(world, visit(workspace, one, visitor="A"), visit(workspace, other, visitor="C"))
    start = NOON - DAY
    assert (await report(world, workspace, one, start=start)).uniques == 4
    assert (await report(world, workspace, other, start=start)).uniques == 5
    whole = await report(world, workspace, start=start)
    assert (whole.clicks, whole.uniques) == (14, 5)
    assert whole.series == (Point(MIDNIGHT - DAY, 6, 2), Point(MIDNIGHT, 8, 3))


async def test_a_bounce_is_a_visit_that_began_here_and_was_one_click_in_the_workspace_that_day(world: World) -> None:
    workspace, one, other = ids.new(), ids.new(), ids.new()
    first = [visit(workspace, one, visitor=who) for who in "ABCD"]
    await count(world, *first, visit(workspace, other, visitor="E"))
    assert (await report(world, workspace, one)).bounce_rate == 100.0
    # A stays at the same link, B goes on to the other one, and neither changes anything by staying longer.
    for _ in range(2):
        later = NOON + HOUR
        await count(world, visit(workspace, one, visitor="A", at=later), visit(workspace, other, visitor="B", at=later))
    assert (await report(world, workspace, one)).bounce_rate == 50.0
    # B did not begin there.
    assert (await report(world, workspace, other)).bounce_rate == 100.0
    assert (await report(world, workspace)).bounce_rate == 60.0
    # In one batch with the first click it is no bounce either; another day is another visit.
    await count(world, visit(workspace, other, visitor="F"), visit(workspace, other, visitor="F"))
    await count(world, visit(workspace, other, visitor="A", at=NOON - DAY))
    assert (await report(world, workspace, other)).bounce_rate == 50.0
    assert (await report(world, workspace, other, start=NOON - DAY)).bounce_rate == 66.67


async def test_the_breakdowns_say_where_from_with_what_and_by_which_campaign(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await count(
        world,
        visit(workspace, link, user_agent=PHONE, referrer="", language="", query="", country="AT", region="AT-9"),
        visit(workspace, link, user_agent=PHONE, referrer="https://t.co/x", country="AT", query="utm_term=shoes"),
        visit(workspace, link, query="utm_source=Mail&utm_medium=email&utm_campaign=Spring&utm_content=top"),
        visit(workspace, link, country="AT", region="AT-9", user_agent="?"),
    )
    shown = (await report(world, workspace, link)).breakdowns
    assert shown == (await report(world, workspace)).breakdowns

    def share(name: str, clicks: int) -> Share:
        return Share(name=name, clicks=clicks, percentage=25.0 * clicks)

    assert shown.places == (
        Place(country="AT", region="AT-9", clicks=2, percentage=50.0),
        Place(country="AT", region="Unknown", clicks=1, percentage=25.0),
        Place(country="Unknown", region="Unknown", clicks=1, percentage=25.0),
    )
    assert shown.devices == (share("Mobile", 2), share("Desktop", 1), share("Other", 1))
    assert shown.systems == (share("iOS", 2), share("Linux", 1), share("Unknown", 1))
    assert shown.browsers == (share("Safari", 2), share("Firefox", 1), share("Unknown", 1))
    assert shown.referrers == (share("example.com", 2), share("Direct", 1), share("t.co", 1))
    assert shown.languages == (share("de", 3), share("Unknown", 1))
    assert shown.utm_sources == (share("Unknown", 2), share("mail", 1), share("news", 1))
    assert shown.utm_mediums == (share("Unknown", 3), share("email", 1))
    assert shown.utm_campaigns == (share("Unknown", 3), share("Spring", 1))
    assert shown.utm_terms == (share("Unknown", 3), share("shoes", 1))
    assert shown.utm_contents == (share("Unknown", 3), share("top", 1))


async def test_after_the_fifty_most_frequent_values_the_others_are_one(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await count(
        world,
        *(visit(workspace, link, query=f"utm_campaign=c{number:02}", at=NOON - day * DAY) for number in range(60)
          for day in range(2 if number < 49 else 1)),
        *(visit(workspace, link, query="utm_campaign=Other") for _ in range(3)),
    )  # fmt: skip
    shown = (await report(world, workspace, link, start=NOON - DAY)).breakdowns.utm_campaigns
    assert [share.name for share in shown] == [*(f"c{number:02}" for number in range(49)), "Other"]
    assert shown[-1].clicks == 11 + 3
    assert sum(share.clicks for share in shown) == 98 + 11 + 3


async def test_a_series_by_the_hour_has_every_hour_and_counts_who_is_new_in_it(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    hours = {9: "AB", 10: "ABC", 23: "A"}
    await count(
        world,
        *(visit(workspace, link, visitor=who, at=MIDNIGHT + hour * HOUR) for hour in hours for who in hours[hour]),
    )
    seen = await report(world, workspace, link, interval=Interval.HOUR)
    assert [point.at for point in seen.series] == [MIDNIGHT + hour * HOUR for hour in range(24)]
    assert {point.at.hour: (point.clicks, point.uniques) for point in seen.series if point.clicks} == {
        9: (2, 2),
        10: (3, 1),
        23: (1, 0),
    }
    assert seen.series == (await report(world, workspace, interval=Interval.HOUR)).series


async def test_weeks_begin_on_monday_and_do_not_count_the_days_around_the_range(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    monday = NOON - timedelta(days=NOON.weekday() + 14)
    days = {-1: 1, 0: 2, 2: 3, 6: 4, 7: 5}
    for ahead, clicks in days.items():
        await count(world, *(visit(workspace, link, at=monday + ahead * DAY) for _ in range(clicks)))
    midnight = monday - 12 * HOUR
    seen = await report(world, workspace, link, start=monday, end=monday + 14 * DAY, interval=Interval.WEEK)
    assert seen.series == (Point(midnight, 9, 3), Point(midnight + 7 * DAY, 5, 1), Point(midnight + 14 * DAY))
    seen = await report(world, workspace, link, start=monday + DAY, end=monday + DAY * 6, interval=Interval.WEEK)
    assert seen.series == (Point(midnight, 7, 2),)
    assert seen.clicks == 7


async def test_days_are_those_of_utc_whatever_the_zone_of_the_question(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await count(world, visit(workspace, link, at=MIDNIGHT), visit(workspace, link, at=MIDNIGHT - HOUR))
    east = timezone(timedelta(hours=14))
    seen = await report(world, workspace, link, start=MIDNIGHT.astimezone(east), end=MIDNIGHT.astimezone(east))
    assert (seen.clicks, seen.first, seen.last) == (1, NOON.date(), NOON.date())


async def test_a_link_of_nobody_a_foreign_one_and_the_other_mode_have_no_clicks(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    await count(world, visit(workspace, link))
    for seen in (
        await report(world, workspace, ids.new()),
        await report(world, ids.new(), link),
        await report(world, workspace, link, mode=Mode.TEST),
        await report(world, workspace, mode=Mode.TEST),
    ):
        assert (seen.clicks, seen.uniques, seen.bots, seen.bot_percentage) == (0, 0, 0, 0.0)
        assert (seen.response_ms, seen.bounce_rate, seen.series) == (0.0, 0.0, (Point(MIDNIGHT),))
        assert (seen.breakdowns.devices, seen.breakdowns.places) == ((), ())


@pytest.mark.parametrize(
    ("start", "end", "interval", "field"),
    [
        (NOON, NOON - timedelta(milliseconds=1), Interval.DAY, "end"),
        (NOON - 400 * DAY, NOON, Interval.WEEK, "start"),
        (NOON - 92 * DAY, NOON, Interval.HOUR, "start"),
    ],
)
async def test_an_impossible_range_is_refused_with_its_field(
    world: World, start: datetime, end: datetime, interval: Interval, field: str
) -> None:
    with pytest.raises(Fault) as refusal:
        await report(world, ids.new(), start=start, end=end, interval=interval)
    assert refusal.value.code is Code.IMPOSSIBLE
    assert refusal.value.details[0]["field"] == field


async def test_the_calendar_begins_with_a_week(world: World) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    seen = await report(world, ids.new(), start=first, end=first, interval=Interval.WEEK)
    assert seen.series == (Point(first),)
    assert seen.first == date(1, 1, 1)


async def test_a_report_is_seen_soon_after_the_click(world: World) -> None:
    async def attempt(_: int) -> float:
        workspace, link = ids.new(), ids.new()
        began = time.monotonic()
        await send(world, batch([visit(workspace, link)]))
        seen = await until(lambda: report(world, workspace, link), lambda seen: seen.clicks > 0)
        assert seen.breakdowns.languages == (Share(name="de", clicks=1, percentage=100.0),)
        return time.monotonic() - began

    await within(5, attempt)
