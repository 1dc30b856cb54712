import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from shared import ids
from shared.contracts.links import (
    CreateLink,
    DeleteLink,
    GetLinks,
    Link,
    LinkPage,
    ListLinks,
    ListProfileLinks,
    RecordTotals,
    Total,
    UpdateLink,
)
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.services.links.conftest import Desk
from tests.world import World

_COLUMNS = """
    select attname from pg_attribute
    where attrelid = 'links.links'::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
"""


async def page(desk: Desk, **fields: object) -> LinkPage:
    return await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode, **fields))  # type: ignore[arg-type]


async def test_new_links_line_up_after_the_last_one(desk: Desk) -> None:
    created = [await desk.create() for _ in range(8)]
    assert [link.position for link in created] == list(range(8))
    assert await page(desk) == LinkPage(links=tuple(created), total=8)


async def test_links_are_listed_by_position_and_then_by_age(desk: Desk) -> None:
    positions = [3, 1, 2, 1, 0, 3, 1]
    created = [await desk.create(position=position) for position in positions]
    expected = [link.id for link in sorted(created, key=lambda link: link.position)]
    assert [link.id for link in (await page(desk)).links] == expected
    assert [link.id for start in (0, 3, 6) for link in (await page(desk, limit=3, offset=start)).links] == expected


async def test_after_the_last_position_there_is_no_further_one(desk: Desk) -> None:
    last = await desk.create(position=1_000_000)
    after = await desk.create()
    assert after.position == 1_000_000
    assert [link.id for link in (await page(desk)).links] == [last.id, after.id]


async def test_a_moved_link_changes_its_place(desk: Desk) -> None:
    first, second, third = [await desk.create() for _ in range(3)]
    await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=third.id, position=0))
    await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=first.id, position=9))
    assert [link.id for link in (await page(desk)).links] == [third.id, second.id, first.id]


async def test_the_total_counts_all_that_match_whatever_the_page(desk: Desk) -> None:
    for number in range(7):
        await desk.create(active=number % 3 > 0)
    for fields, total, here in (
        ({}, 7, 7),
        ({"limit": 2}, 7, 2),
        ({"limit": 2, "offset": 6}, 7, 1),
        ({"offset": 7}, 7, 0),
        ({"offset": 1_000_000_000}, 7, 0),
        ({"active": True}, 4, 4),
        ({"active": True, "limit": 1, "offset": 3}, 4, 1),
        ({"active": False}, 3, 3),
        ({"active": False, "offset": 3}, 3, 0),
    ):
        found = await page(desk, **fields)
        assert (found.total, len(found.links)) == (total, here)
        if "active" in fields:
            assert {link.active for link in found.links} <= {fields["active"]}


async def test_an_empty_workspace_has_an_empty_page(desk: Desk) -> None:
    assert await page(desk) == LinkPage(links=(), total=0)
    assert await page(desk, active=True) == LinkPage(links=(), total=0)


async def test_live_and_test_links_and_workspaces_never_mix(desk: Desk, test_desk: Desk) -> None:
    stranger = Desk(desk.bus, ids.new(), Mode.LIVE)
    asked = [(each, await each.create()) for each in (desk, test_desk, stranger)]
    for each, link in asked:
        assert await page(each) == LinkPage(links=(link,), total=1)
        assert link.position == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"offset": -1}, "offset"), ({"offset": 10**10}, "offset")],
)
async def test_an_impossible_page_is_refused_with_the_field(desk: Desk, fields: dict[str, object], field: str) -> None:
    with pytest.raises(Fault) as refusal:
        await page(desk, **fields)
    assert refusal.value.code is Code.INVALID
    assert refusal.value.details[0]["field"] == field


@pytest.mark.usefixtures("second_copy")
async def test_totals_stay_exact_under_concurrent_changes_of_all_kinds(desk: Desk, world: World) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    links: list[Link] = list(await asyncio.gather(*(desk.create(active=chance.random() < 0.5) for _ in range(120))))
    for _ in range(5):
        asks: list[UpdateLink | DeleteLink | CreateLink] = []
        for _ in range(60):
            link = chance.choice(links)
            mine = {"workspace": desk.workspace, "mode": desk.mode}
            kind = chance.randrange(4)
            if kind == 0:
                asks.append(DeleteLink(**mine, id=link.id))  # type: ignore[arg-type]
            elif kind == 1:
                asks.append(CreateLink(**mine, destination_url="https://example.com"))  # type: ignore[arg-type]
            else:
                asks.append(UpdateLink(**mine, id=link.id, active=chance.random() < 0.5))  # type: ignore[arg-type]
        for answer in await asyncio.gather(*(desk.bus.ask(ask) for ask in asks), return_exceptions=True):
            assert not isinstance(answer, BaseException) or getattr(answer, "code", None) is Code.NOT_FOUND
        owner = await world.connect()
        kept = await owner.fetchrow(
            "select count(*) filter (where active) as active, count(*) filter (where not active) as inactive"
            " from links.links where workspace = $1",
            desk.workspace,
        )
        await owner.close()
        assert kept
        assert (await page(desk, active=True)).total == kept["active"]
        assert (await page(desk, active=False)).total == kept["inactive"]
        assert (await page(desk)).total == kept["active"] + kept["inactive"]


async def test_lists_that_are_asked_for_at_the_same_time_are_each_their_own(desk: Desk) -> None:
    desks = [Desk(desk.bus, ids.new(), mode) for mode in Mode for _ in range(4)]
    made = {each.workspace: [await each.create() for _ in range(place)] for place, each in enumerate(desks)}

    async def listed(each: Desk, limit: int, offset: int) -> None:
        found = await page(each, limit=limit, offset=offset)
        links = made[each.workspace]
        assert found == LinkPage(links=tuple(links[offset : offset + limit]), total=len(links))

    pages = [(each, limit, offset) for each in desks for limit in (1, 3, 100) for offset in (0, 2, 1_000_000_000)]
    await asyncio.gather(*(listed(*asked) for asked in pages))


async def test_links_that_the_owner_restores_without_a_search_path_are_listed_and_counted_too(
    desk: Desk, world: World
) -> None:
    links = [await desk.create(title=f"Link {number}") for number in range(3)]
    owner = await world.connect()
    try:
        # As a restore has it, where every name carries its schema.
        await owner.execute("set search_path to ''")
        columns = [row["attname"] for row in await owner.fetch(_COLUMNS)]
        wanted = f"select {', '.join(columns)} from links.links where workspace = $1"
        rows = await owner.fetch(wanted, desk.workspace)
        await owner.execute("delete from links.links where workspace = $1", desk.workspace)
        assert await page(desk) == LinkPage(links=(), total=0)
        await owner.copy_records_to_table("links", schema_name="links", columns=columns, records=map(tuple, rows))
        assert await page(desk) == LinkPage(links=tuple(links), total=3)
        await owner.execute(
            "update links.links set active = false, position = 9, clicks = 5 where id = $1", links[0].id
        )
        assert [link.id for link in (await page(desk)).links] == [links[1].id, links[2].id, links[0].id]
        assert (await page(desk, active=True)).total == 2
    finally:
        await owner.close()


async def test_a_profile_shows_live_active_unexpired_links_that_are_meant_to_be_shown(
    desk: Desk, test_desk: Desk, world: World
) -> None:
    last = await desk.create(position=5)
    first = await desk.create(position=1, expires_at=datetime.now(UTC) + timedelta(days=1), max_clicks=10)
    await test_desk.create()
    await desk.create(active=False)
    await desk.create(show_on_profile=False)
    expired, used_up = await desk.create(), await desk.create(max_clicks=10)
    await world.bus.ask(RecordTotals(totals=(Total(link=used_up.id, clicks=10), Total(link=first.id, clicks=9))))
    owner = await world.connect()
    await owner.execute("update links.links set expires_at = now() - interval '1 second' where id = $1", expired.id)
    await owner.close()
    shown = await desk.bus.ask(ListProfileLinks(workspace=desk.workspace))
    assert [link.id for link in shown.links] == [first.id, last.id]
    assert shown.total == 2


async def test_a_profile_shows_200_links_at_most(desk: Desk) -> None:
    created = await asyncio.gather(*(desk.create(position=n) for n in range(205)))
    shown = await desk.bus.ask(ListProfileLinks(workspace=desk.workspace))
    assert [link.id for link in shown.links] == [link.id for link in created[:200]]


async def test_links_are_looked_up_by_their_ids_as_far_as_they_are_there(desk: Desk, test_desk: Desk) -> None:
    one, two, foreign = await desk.create(), await desk.create(), await test_desk.create()
    asked = (two.id, foreign.id, one.id, ids.new(), "no id", "\0")
    found = await desk.bus.ask(GetLinks(workspace=desk.workspace, mode=desk.mode, ids=asked))
    assert found.links == tuple(sorted((one, two), key=lambda link: link.id))
    many = tuple(ids.new() for _ in range(101))
    with pytest.raises(Fault) as refused:
        await desk.bus.ask(GetLinks(workspace=desk.workspace, mode=desk.mode, ids=many))
    assert refused.value.code is Code.INVALID
