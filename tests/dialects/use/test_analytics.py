"""Reports: what is in them, which days they cover, and whose clicks they are about."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.modes import Mode
from tests import golden
from tests.client import Answer, Client, NewClient, until
from tests.services.analytics.visits import NOON, batch, send, until_drained, visit
from tests.world import World

check = partial(golden.check, Path(__file__).parent / "golden")

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
TODAY = NOON.date()


@pytest.fixture
async def link(client: Client) -> Any:
    return await client.new_link()


async def report(client: Client, link: Any, query: str = "") -> Answer:
    return await client.get(f"/api/use/analytics/links/{link['id']}?{query}")


async def click(visitor: Client, link: Any) -> None:
    assert (await visitor.get(f"/{link['shortCode']}", headers={"User-Agent": PHONE})).status == 302


async def test_a_report_is_answered_as_documented(world: World, client: Client, link: Any) -> None:
    workspace, bare = client.account.workspace.id, link["id"].removeprefix("lnk_")
    await send(
        world,
        batch(
            [
                visit(workspace, bare, visitor="A", country="AT", region="AT-9", took_us=150),
                visit(workspace, bare, visitor="A", country="AT", region="AT-9", took_us=250),
                visit(
                    workspace,
                    bare,
                    visitor="B",
                    country="US",
                    user_agent=PHONE,
                    referrer="",
                    language="en",
                    query="utm_source=ads&utm_medium=cpc&utm_campaign=summer&utm_term=maps&utm_content=top",
                ),
                visit(workspace, bare, visitor="C", bot=True),
            ]
        ),
    )
    await until_drained(world)
    day = TODAY.isoformat()
    days = {"day": day}
    check("link_analytics", await report(client, link, f"startDate={day}&endDate={day}"), **days)
    check("analytics", await client.get(f"/api/use/analytics?startDate={day}&endDate={day}"), **days)


async def test_a_click_is_in_the_report_of_its_link_and_of_the_workspace(
    client: Client, visitor: Client, link: Any
) -> None:
    other = await client.new_link()
    for followed in (link, link, other):
        await click(visitor, followed)
    await until(lambda: client.get("/api/use/analytics"), lambda answer: answer.json["totalClicks"] == 3)
    one = (await report(client, link)).json
    assert (one["totalClicks"], one["uniqueVisitors"], one["mode"]) == (2, 1, "live")
    assert one["responseTime"] > 0
    assert one["linkId"] == link["id"]


async def test_without_dates_it_is_the_last_thirty_days_with_today(client: Client, link: Any) -> None:
    seen = (await report(client, link)).json
    today = datetime.now(UTC).date()
    assert (seen["startDate"], seen["endDate"]) == ((today - timedelta(days=29)).isoformat(), today.isoformat())
    assert len(seen["timeSeries"]) == 30
    seen = (await report(client, link, "endDate=2026-03-31")).json
    assert (seen["startDate"], seen["endDate"]) == ("2026-03-02", "2026-03-31")


@pytest.mark.parametrize(
    ("query", "first", "last", "buckets"),
    [
        ("startDate=2026-03-01&endDate=2026-03-01", "2026-03-01", "2026-03-01", 1),
        ("startDate=2026-03-01T23:00:00Z&endDate=2026-03-02T01:00:00Z", "2026-03-01", "2026-03-02", 2),
        ("startDate=2026-03-01T00:30:00%2B01:00&endDate=2026-03-01", "2026-02-28", "2026-03-01", 2),
        ("startDate=2026-03-01&endDate=2026-03-02&interval=hour", "2026-03-01", "2026-03-02", 48),
        ("startDate=2026-03-01&endDate=2026-03-10&interval=week", "2026-03-01", "2026-03-10", 3),
    ],
)
async def test_the_days_that_hold_the_two_moments_are_covered_and_told(
    client: Client, link: Any, query: str, first: str, last: str, buckets: int
) -> None:
    seen = (await report(client, link, query)).json
    assert (seen["startDate"], seen["endDate"], len(seen["timeSeries"])) == (first, last, buckets)
    assert all(bucket == {"timestamp": bucket["timestamp"], "clicks": 0, "uniqueVisitors": 0}
               for bucket in seen["timeSeries"])  # fmt: skip


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("startDate=2026-03-02&endDate=2026-03-01", 422, "endDate"),
        ("startDate=2020-01-01&endDate=2026-01-01", 422, "startDate"),
        ("startDate=2026-01-01&endDate=2026-06-30&interval=hour", 422, "startDate"),
        ("startDate=2100-01-01", 422, "endDate"),
        ("startDate=yesterday", 400, "startDate"),
        ("endDate=2026-02-30", 400, "endDate"),
        ("startDate=2026-03-01T00:30:00+01:00", 400, "startDate"),  # a bare plus is a space
        ("endDate=0001-01-01", 400, "endDate"),
        ("endDate=0001-01-01T00:00:00%2B02:00", 400, "endDate"),
        ("startDate=", 400, "startDate"),
        ("interval=month", 400, "interval"),
        ("period=7d", 400, "period"),
    ],
)
async def test_a_range_that_cannot_be_is_refused_with_the_field(
    client: Client, link: Any, query: str, status: int, field: str
) -> None:
    for answer in (await report(client, link, query), await client.get(f"/api/use/analytics?{query}")):
        assert answer.status == status, answer.body
        assert answer.json["details"][0]["field"] == field


async def test_a_test_key_is_told_of_test_clicks_only(
    client: Client, new_client: NewClient, visitor: Client, link: Any
) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    test_link = await tester.new_link()
    for followed in (link, test_link, test_link):
        await click(visitor, followed)
    for who, own, clicks in ((client, link, 1), (tester, test_link, 2)):
        # They may be counted one by one.
        seen, _ = await until(
            lambda who=who, own=own: report(who, own),  # type: ignore[misc]
            lambda answer, clicks=clicks: answer.json["totalClicks"] >= clicks,  # type: ignore[misc]
        )
        whole = await who.get("/api/use/analytics")
        assert seen.json["totalClicks"] == whole.json["totalClicks"] == clicks
        assert seen.json["mode"] == whole.json["mode"]
    assert (await report(client, test_link)).status == (await report(tester, link)).status == 404
