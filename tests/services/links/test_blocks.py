"""Long lists: pages in their middle, and totals that are not counted anew."""

import asyncio
import random
import secrets
from itertools import product

import asyncpg
import msgspec
import pytest

from services.links import lists, pages, store_blocks, store_search
from services.links.remembered import Search
from services.links.store_blocks import AGE, CLICKS, POSITION
from shared import ids
from shared.contracts.links import DeleteLink, Link, LinkPage, ListLinks, Order, SearchLinks, Sort, Status, UpdateLink
from shared.contracts.modes import Mode
from shared.database import Database, migrations_of
from tests.client import until
from tests.services.links.conftest import Desk
from tests.services.links.writers import fill, work
from tests.world import World

# What the blocks hold, those changes included that are still to be folded in, against what is there.
_KEPT = """
select sorting, digits, block, archived, active, lapsed, sum(links)
from (
    select sorting, digits, block, archived, active, lapsed, links from links.link_blocks where workspace = $1
    union all
    select sorting, digits, block, archived, active, lapsed, links
    from links.link_changes cross join lateral links.blocks_of(age, clicks, position) where workspace = $1
    union all
    select sorting, digits, block, archived, active, lapsed, step
    from links.link_moves cross join lateral (values (origin, -1), (goal, 1)) as side (place, step)
    cross join lateral links.blocks_of(null, place, null)
    where workspace = $1
    union all
    select sorting, digits, block, archived, active, lapsed, -1
    from links.links cross join lateral links.blocks_of(
        links.age_block(created_at), links.clicks_block(clicks, id), links.position_block(position)
    )
    where workspace = $1
) as sides
group by 1, 2, 3, 4, 5, 6 having sum(links) <> 0
"""


@pytest.mark.usefixtures("second_copy")
async def test_blocks_hold_what_is_there_whatever_is_changed_at_once(
    world: World, owner: asyncpg.Connection, chance: random.Random
) -> None:
    workspace = ids.new()
    links = await fill(owner, workspace, chance, 40)
    working = [asyncio.create_task(work(world, workspace, links, chance.randrange(2**32))) for _ in range(4)]
    while not all(task.done() for task in working):
        # Whether the two copies of the service have folded changes in by now or not.
        assert await owner.fetch(_KEPT, workspace) == []
    await asyncio.gather(*working)
    assert await owner.fetch(_KEPT, workspace) == []
    waiting = "select 1 from links.{} where workspace = $1"
    for table in ("link_changes", "link_moves"):
        await until(lambda table=table: owner.fetch(waiting.format(table), workspace), lambda rows: not rows)  # type: ignore[misc]
    assert await owner.fetch(_KEPT, workspace) == []
    await owner.execute("delete from links.links where workspace = $1", workspace)
    left = "select 1 from links.link_blocks where workspace = $1"
    await until(lambda: owner.fetch(left, workspace), lambda rows: not rows)


async def test_links_from_before_the_blocks_are_counted_while_others_come_and_go(
    world: World, owner: asyncpg.Connection, chance: random.Random
) -> None:
    workspace = ids.new()
    links = await fill(owner, workspace, chance, 200)
    (counting,) = (path for path in migrations_of("links") if path.stem.startswith("0012"))
    statements = counting.read_text().removesuffix(";\n").split(";\n")
    working = [asyncio.create_task(work(world, workspace, links, chance.randrange(2**32))) for _ in range(2)]
    # As if they had been there before.
    await owner.execute("delete from links.link_blocks where workspace = $1", workspace)
    for _ in range(3):
        for statement in statements:
            await owner.execute(statement)
        assert await owner.fetch(_KEPT, workspace) == []
    await asyncio.gather(*working)
    assert await owner.fetch(_KEPT, workspace) == []


async def test_pages_in_the_middle_have_every_link_exactly_once(
    owner: asyncpg.Connection, database: Database, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FAR", 0)
    workspace = ids.new()
    await fill(owner, workspace, chance, 150)
    asks = [
        SearchLinks(workspace=workspace, mode=Mode.LIVE, sort=sort, order=order, archived=archived, status=status)
        for sort, order, archived, status in product(Sort, Order, (None, False), (None, Status.ACTIVE))
    ]
    async with database.connection() as db:
        for ask in asks:
            total = await store_search.count_links(db, ask)
            every = await pages.read_page(db, msgspec.structs.replace(ask, limit=1_000), Search(total))
            column = "clicks" if ask.sort is Sort.CLICKS else "created_at"
            wanted = await owner.fetch(
                f"""
                select id from links.links
                where workspace = $1 and ($2::bool is null or archived = $2)
                  and ($3::text is null or links.state_of(active, lapsed) = $3)
                order by {column} {ask.order}, id {ask.order}
                """,
                workspace,
                ask.archived,
                ask.status,
            )
            assert [link.id for link in every] == [row["id"] for row in wanted]
            assert len(every) == total
            seen: list[Link] = []
            for offset in range(0, total + 14, 7):
                asked = msgspec.structs.replace(ask, limit=7, offset=offset)
                seen += await pages.read_page(db, asked, Search(total))
            assert [each.id for each in seen] == [each.id for each in every], ask


@pytest.mark.parametrize("active", [None, True, False])
async def test_pages_by_position_have_every_link_exactly_once(
    desk: Desk,
    owner: asyncpg.Connection,
    database: Database,
    chance: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    active: bool | None,
) -> None:
    await fill(owner, desk.workspace, chance, 90)
    ask = ListLinks(workspace=desk.workspace, mode=desk.mode, active=active, limit=100)
    every = await desk.bus.ask(ask)
    monkeypatch.setattr(pages, "FAR", -1)
    async with database.connection() as db:
        seen: list[Link] = []
        for offset in range(0, every.total + 14, 7):
            page = await lists._list_far(db, msgspec.structs.replace(ask, limit=7, offset=offset))
            assert page.total == every.total == len(every.links)
            seen += page.links
    assert seen == list(every.links)


async def test_a_place_behind_the_last_link_is_none(database: Database, owner: asyncpg.Connection) -> None:
    workspace = ids.new()
    await fill(owner, workspace, random.Random(1), 5)
    async with database.connection() as db:
        for sorting in (AGE, CLICKS, POSITION):
            assert await store_blocks.find_place(db, workspace, Mode.LIVE, sorting, 4, archived=None)
            assert await store_blocks.find_place(db, workspace, Mode.LIVE, sorting, 5, archived=None) is None


async def test_a_search_follows_every_change_though_its_total_is_remembered(desk: Desk) -> None:
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="ex")
    assert (await desk.bus.ask(ask)).total == 0
    # A short code that is drawn may hold the text by chance; no number in hexadecimal does.
    links = [
        await desk.create(title="nothing", destination_url=f"https://{name}.net", slug=secrets.token_hex(8))
        for name in ("ex", "why")
    ]

    async def change(**fields: object) -> None:
        await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=links[1].id, **fields))  # type: ignore[arg-type]

    assert (await desk.bus.ask(ask)).total == 1
    await change(title="Ex")
    assert (await desk.bus.ask(ask)).total == 2
    await change(title="Y")
    assert (await desk.bus.ask(ask)).total == 1
    await change(destination_url="https://example.net")
    assert (await desk.bus.ask(ask)).total == 2
    tagged, inactive = msgspec.structs.replace(ask, tag="x"), msgspec.structs.replace(ask, status=Status.INACTIVE)
    assert [(await desk.bus.ask(each)).total for each in (tagged, inactive)] == [0, 0]
    await change(tags=("x",), active=False)
    assert [(await desk.bus.ask(each)).total for each in (tagged, inactive)] == [1, 1]
    await change(archived=True)
    assert (await desk.bus.ask(ask)).total == 1
    await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=links[0].id))
    assert await desk.bus.ask(ask) == LinkPage(links=(), total=0)


@pytest.mark.parametrize("order", Order)
async def test_pages_of_a_search_go_on_from_those_before_and_miss_none(
    desk: Desk, owner: asyncpg.Connection, chance: random.Random, order: Order
) -> None:
    await fill(owner, desk.workspace, chance, 140)
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example", archived=None, order=order, limit=100)
    every = [*(await desk.bus.ask(ask)).links, *(await desk.bus.ask(msgspec.structs.replace(ask, offset=100))).links]
    assert len(every) == 140
    offsets = [*range(0, 140, 7), *chance.sample(range(140), 20)]
    for offset in offsets:
        page = await desk.bus.ask(msgspec.structs.replace(ask, limit=7, offset=offset))
        assert page.links == tuple(every[offset : offset + 7])
    await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=every[3].id))
    del every[3]
    for offset in offsets:
        page = await desk.bus.ask(msgspec.structs.replace(ask, limit=7, offset=offset))
        assert page == LinkPage(links=tuple(every[offset : offset + 7]), total=139)
