"""Links by what is in them."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from services.links import lists, pages, store_matches, store_search
from services.links.remembered import Search
from shared import database as databases
from shared.contracts.links import (
    ClaimClick,
    DeleteLink,
    ExportLinks,
    ExportPage,
    FindLinks,
    Link,
    LinkPage,
    ListLinks,
    ListTags,
    Order,
    RecordTotals,
    Resolve,
    SearchLinks,
    Sort,
    Status,
    Tag,
    TagPage,
    Total,
    UpdateLink,
)
from shared.faults import Code, Fault
from tests.client import until
from tests.ending import ends_soon, later
from tests.services.links.conftest import Desk, Ear
from tests.world import World


async def search(desk: Desk, **fields: object) -> LinkPage:
    return await desk.bus.ask(SearchLinks(workspace=desk.workspace, mode=desk.mode, **fields))  # type: ignore[arg-type]


async def found(desk: Desk, **fields: object) -> list[str]:
    """The ids; the total agrees with them."""
    page = await search(desk, limit=100, **fields)
    assert page.total == len(page.links)
    return [link.id for link in page.links]


async def change(desk: Desk, link: Link, **fields: object) -> Link:
    return await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=link.id, **fields))  # type: ignore[arg-type]


async def tags(desk: Desk) -> dict[str, int]:
    page = await desk.bus.ask(ListTags(workspace=desk.workspace, mode=desk.mode))
    assert page.total == len(page.tags)
    return {tag.name: tag.links for tag in page.tags}


async def test_a_text_is_found_in_title_short_code_and_destination_whatever_its_case(desk: Desk) -> None:
    titled = await desk.create(title="The SUMMER sale")
    coded = await desk.create(slug=f"Summer-{desk.workspace[:9]}")
    leading = await desk.create("https://example.com/SumMer")
    await desk.create(title="Winter", description="summer", tags=("summer",))
    assert set(await found(desk, search="summer")) == {titled.id, coded.id, leading.id}


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a_b", "\\n", "ß", "'", '"', "€", "x y"])
async def test_every_sign_stands_for_itself(desk: Desk, text: str) -> None:
    await desk.create(title="100 axb nothing of the kind", slug=f"plain-{desk.workspace[:9]}")
    holding = await desk.create(title=f"here: {text} and more")
    assert await found(desk, search=text) == [holding.id]


async def test_a_text_does_not_reach_from_one_field_into_the_next(desk: Desk) -> None:
    await desk.create("https://example.com", title="end", slug=f"begin-{desk.workspace[:9]}")
    assert await found(desk, search="endbegin") == []
    assert await found(desk, search="end begin") == []


async def test_links_are_found_by_their_status_as_it_is_at_that_moment(desk: Desk, world: World) -> None:
    active, paused = await desk.create(), await desk.create(active=False)
    ending = await desk.create(expires_at=later())
    paused_and_ending = await desk.create(active=False, expires_at=later())
    used_up = await desk.create(max_clicks=1)
    await desk.bus.ask(ClaimClick(domain="", slug=used_up.slug))
    assert set(await found(desk, status=Status.EXPIRED)) == {used_up.id}
    assert set(await found(desk, status=Status.ACTIVE)) == {active.id, ending.id}
    for each in (ending, paused_and_ending):
        await ends_soon(world, each.id, 0)
    assert set(await found(desk, status=Status.EXPIRED)) == {used_up.id, ending.id, paused_and_ending.id}
    assert await found(desk, status=Status.ACTIVE) == [active.id]
    assert await found(desk, status=Status.INACTIVE) == [paused.id]


async def test_a_link_that_is_opened_again_is_active_again(desk: Desk) -> None:
    link = await desk.create(max_clicks=1)
    await desk.bus.ask(ClaimClick(domain="", slug=link.slug))
    await change(desk, link, max_clicks=2)
    assert await found(desk, status=Status.ACTIVE) == [link.id]
    await change(desk, link, max_clicks=1)
    assert await found(desk, status=Status.EXPIRED) == [link.id]
    await change(desk, link, max_clicks=None)
    assert await found(desk, status=Status.ACTIVE) == [link.id]


async def test_the_end_of_a_link_is_told_once(desk: Desk, ear: Ear, world: World) -> None:
    timed = await desk.create(expires_at=later())
    await ends_soon(world, timed.id)
    limited, counted = await desk.create(max_clicks=1), await desk.create(max_clicks=5)
    await desk.bus.ask(ClaimClick(domain="", slug=limited.slug))
    for _ in range(2):
        await desk.bus.ask(RecordTotals(totals=(Total(link=counted.id, clicks=5),)))
    for link in (timed, limited, counted):
        assert [type(told).__name__ for told in await ear.until(link.id, 2)] == ["LinkCreated", "LinkExpired"]


async def test_archived_links_are_listed_only_when_asked_for_and_lead_where_they_led(desk: Desk) -> None:
    shown, away = await desk.create(tags=("x",)), await desk.create(tags=("x",), archived=True)
    assert await found(desk) == await found(desk, tag="x") == [shown.id]
    assert await found(desk, archived=True) == [away.id]
    assert await found(desk, archived=None) == [away.id, shown.id]
    listed = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode))
    assert (listed.total, [link.id for link in listed.links]) == (1, [shown.id])
    assert (await desk.bus.ask(Resolve(domain="", slug=away.slug))).target
    await change(desk, away, archived=False)
    assert await found(desk) == [away.id, shown.id]


async def test_links_are_put_in_order_by_age_and_by_clicks(desk: Desk) -> None:
    links = [await desk.create() for _ in range(5)]
    clicks = [3, 0, 7, 0, 5]
    totals = tuple(Total(link=link.id, clicks=count) for link, count in zip(links, clicks, strict=True))
    await desk.bus.ask(RecordTotals(totals=totals))
    ids = [link.id for link in links]
    most_clicked = sorted(ids, key=lambda each: (clicks[ids.index(each)], each), reverse=True)
    assert await found(desk) == ids[::-1]
    assert await found(desk, order=Order.ASC) == ids
    assert await found(desk, sort=Sort.CLICKS) == most_clicked
    assert await found(desk, sort=Sort.CLICKS, order=Order.ASC) == most_clicked[::-1]
    assert await found(desk, sort=Sort.CLICKS, status=Status.ACTIVE, search="example") == most_clicked


@pytest.mark.parametrize("few", [0, 100])
async def test_the_order_by_clicks_is_the_same_whether_few_match_or_many(
    desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(store_search, "FEW", few)
    links = [await desk.create(tags=("x",) if number % 2 else ()) for number in range(8)]
    totals = tuple(Total(link=link.id, clicks=number * 3 % 8) for number, link in enumerate(links))
    await desk.bus.ask(RecordTotals(totals=totals))
    expected = sorted((each for each in totals[1::2]), key=lambda total: total.clicks)
    ask = SearchLinks(
        workspace=desk.workspace, mode=desk.mode, sort=Sort.CLICKS, order=Order.ASC, tag="x", search="EXAMPLE", limit=3
    )
    settings = world.settings(database_url=world.database_url("links"))
    async with databases.connect(settings, "links") as database, database.connection() as db:
        counted = Search(*await store_matches.count_matches(db, ask))
        first = await pages.read_page(db, ask, counted)
        second = await pages.read_page(db, msgspec.structs.replace(ask, offset=3), counted)
    assert counted.total == 4
    assert [link.id for link in first + second] == [each.link for each in expected]


async def test_pages_show_the_whole_list_and_the_same_total(desk: Desk) -> None:
    ids = [(await desk.create(tags=("paged",))).id for _ in range(7)]
    for fields in ({}, {"tag": "paged"}, {"search": "example"}, {"sort": Sort.CLICKS}, {"status": Status.ACTIVE}):
        seen: list[str] = []
        for offset in (0, 3, 6, 9):
            page = await search(desk, limit=3, offset=offset, **fields)
            assert page.total == 7
            seen += [link.id for link in page.links]
        assert seen == ids[::-1]


async def test_a_walk_from_the_newest_misses_none_that_was_there_though_others_come(desk: Desk) -> None:
    there = {(await desk.create()).id for _ in range(20)}
    seen: list[str] = []
    while len(page := (await search(desk, limit=5, offset=len(seen))).links) == 5:
        seen += [link.id for link in page]
        await desk.create()
    assert there <= {*seen, *(link.id for link in page)}


async def test_an_export_has_every_link_exactly_once_while_others_come_and_go(desk: Desk) -> None:
    stay = [await desk.create() for _ in range(30)]
    go = [await desk.create() for _ in range(10)]
    seen: list[str] = []
    ask = ExportLinks(workspace=desk.workspace, mode=desk.mode, limit=4)
    while True:
        page = await desk.bus.ask(ask)
        seen += [link.id for link in page.links]
        if go:
            await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=go.pop().id))
        await change(desk, stay[len(seen) % 30], title="changed meanwhile")
        if len(seen) < 60:
            await desk.create()
        if page.after is None:
            break
        ask = msgspec.structs.replace(ask, after=page.after)
    assert len(seen) == len(set(seen))
    assert {link.id for link in stay} <= set(seen)


async def test_an_export_takes_every_filter(desk: Desk) -> None:
    wanted = await desk.create(title="Wanted", tags=("a",), active=False)
    for fields in ({"title": "Wanted"}, {"tags": ("a",)}, {"active": False, "tags": ("a",)}):
        await desk.create(**fields)
    ask = ExportLinks(
        workspace=desk.workspace, mode=desk.mode, search="WANTED", tag="a", status=Status.INACTIVE, archived=False
    )
    assert await desk.bus.ask(ask) == ExportPage(links=(wanted,), after=None)


async def test_tags_are_counted_and_what_is_archived_or_gone_is_not(desk: Desk) -> None:
    first, second = await desk.create(tags=("b", "a")), await desk.create(tags=("a",))
    await desk.create(tags=("a", "hidden"), archived=True)
    assert await tags(desk) == {"a": 2, "b": 1}
    await change(desk, first, tags=("c", "ä"))
    assert await tags(desk) == {"a": 1, "c": 1, "ä": 1}
    await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=second.id))
    assert await tags(desk) == {"c": 1, "ä": 1}
    page = await desk.bus.ask(ListTags(workspace=desk.workspace, mode=desk.mode, limit=1, offset=1))
    assert page == TagPage(tags=(Tag(name="ä", links=1),), total=2)


async def test_a_tag_that_nobody_uses_any_more_leaves_nothing_behind(desk: Desk, world: World) -> None:
    link = await desk.create(tags=("once",))
    await change(desk, link, tags=())
    assert await tags(desk) == {}
    left = "select tag from links.{} where workspace = $1 and tag = 'once'"
    owner = await world.connect()
    for table in ("link_changes", "link_tallies"):
        await until(lambda table=table: owner.fetch(left.format(table), desk.workspace), lambda rows: not rows)  # type: ignore[misc]
    await owner.close()


@pytest.mark.usefixtures("second_copy")
async def test_totals_of_tags_and_states_stay_exact_whatever_happens_at_once(desk: Desk) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    links = [await desk.create(tags=("a",)) for _ in range(12)]
    for _ in range(6):
        asks, reports = [], []
        for link in links:
            some = tuple(tag for tag in "abc" if chance.random() < 0.5)
            active, archived = chance.random() < 0.5, chance.random() < 0.3
            asks += [change(desk, link, tags=some, active=active), change(desk, link, archived=archived)]
            clicked = Total(link=link.id, clicks=chance.randrange(100))
            reports.append(desk.bus.ask(RecordTotals(totals=(clicked,))))
        await asyncio.gather(*asks, *reports, *(desk.create(tags=("b", "c")) for _ in range(5)))
        every = (await search(desk, archived=None, limit=100)).links
        clicks = {link.id: link.clicks for link in every}
        assert await tags(desk) == Counter(tag for link in every if not link.archived for tag in link.tags)
        for status in Status:
            for tag in ("a", "b", "c"):
                ids = await found(desk, status=status, tag=tag)
                now = datetime.now(UTC)
                assert set(ids) == {
                    link.id for link in every if tag in link.tags and link.status(now) == status and not link.archived
                }
                by_clicks = await search(desk, status=status, tag=tag, sort=Sort.CLICKS, limit=100)
                assert [link.id for link in by_clicks.links] == sorted(
                    ids, key=lambda each: (clicks[each], each), reverse=True
                )


async def test_links_are_found_by_their_destination_however_it_is_spelled(desk: Desk) -> None:
    first = await desk.create("https://Example.com/Straße")
    second = await desk.create("https://example.com/Stra%C3%9Fe", archived=True)
    await desk.create("https://example.com/stra%C3%9Fe")
    ask = FindLinks(workspace=desk.workspace, mode=desk.mode, destination_url="HTTPS://EXAMPLE.COM/Straße")
    page = await desk.bus.ask(ask)
    assert (page.total, [link.id for link in page.links]) == (2, [second.id, first.id])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"search": ""}, "search"),
        ({"search": "x" * 201}, "search"),
        ({"search": "a\0b"}, "search"),
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 51}, "tag"),
        ({"limit": 101}, "limit"),
        ({"offset": -1}, "offset"),
    ],
)
async def test_what_cannot_be_searched_for_is_refused(desk: Desk, fields: dict[str, object], field: str) -> None:
    with pytest.raises(Fault) as refusal:
        await search(desk, **fields)
    assert (refusal.value.code, refusal.value.details[0]["field"]) == (Code.INVALID, field)


async def test_a_search_that_takes_too_long_is_refused_with_advice_and_its_statement_ends(
    desk: Desk, world: World
) -> None:
    link = await desk.create(title="held up")
    owner = await world.connect()
    async with owner.transaction():
        await owner.execute("lock table links.link_entries in access exclusive mode")
        with pytest.raises(Fault) as refusal:
            await search(desk, search="held up")
        waiting = "select pid from pg_locks where relation = 'links.link_entries'::regclass and not granted and pid in"
        searching = " (select pid from pg_stat_activity where query like '%count(*)%' and state = 'active')"
        await until(lambda: owner.fetch(waiting + searching), lambda rows: not rows)
    await owner.close()
    assert (refusal.value.code, refusal.value.message) == (Code.UNAVAILABLE, lists.TOO_LONG)
    assert await found(desk, search="held up") == [link.id]
