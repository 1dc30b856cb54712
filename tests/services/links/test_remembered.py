"""Searches for a text: totals and places that are remembered, and corrected instead of counted anew."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from services.links import lists, pages, store_matches, store_upkeep
from services.links.remembered import MARKS, Search, Searches
from services.links.store_blocks import BEHIND
from services.links.store_matches import Edit, Moment
from services.links.store_search import Start
from shared import ids
from shared.contracts.links import (
    DeleteLink,
    Link,
    Order,
    RecordTotals,
    SearchLinks,
    Sort,
    Status,
    Total,
)
from shared.contracts.modes import Mode
from shared.database import Connection, Database
from shared.settings import Settings
from tests.client import until
from tests.services.links.conftest import Desk
from tests.services.links.writers import BEGUN, domain_of, fill, own_domain, work
from tests.world import World

_PLAIN = """
select id from links
where workspace = $1 and mode = $2
  and ($3::bool is null or archived = $3)
  and ($4::text is null or $4 = any (tags))
  and ($5::text is null or $5 = case when lapsed then 'expired' when active then 'active' else 'inactive' end)
  and ($6::text is null or strpos(lower(title), lower($6)) > 0 or strpos(lower(slug), lower($6)) > 0
       or strpos(lower(destination_url), lower($6)) > 0)
  and ($7::text is null or domain = $7)
order by {column} {order}, id {order}
"""


async def plain(db: Connection, ask: SearchLinks) -> list[str]:
    """The whole list without a page, from the table of links itself."""
    text = _PLAIN.format(column="clicks" if ask.sort is Sort.CLICKS else "created_at", order=ask.order)
    rows = await db.fetch(text, ask.workspace, ask.mode, ask.archived, ask.tag, ask.status, ask.search, ask.domain)
    return [row["id"] for row in rows]


def any_ask(workspace: str, chance: random.Random) -> SearchLinks:
    domain = chance.choice((None, None, "", domain_of(workspace)))
    return SearchLinks(
        workspace=workspace,
        mode=Mode.LIVE,
        search=chance.choice(("example", "another", "e", "elsewhere", *((None,) * 3 if domain is not None else ()))),
        domain=domain,
        archived=chance.choice((None, None, False, True)),
        tag=chance.choice((None, None, "a", "c")),
        status=chance.choice((None, None, Status.ACTIVE, Status.EXPIRED)),
        sort=chance.choice((Sort.CREATED_AT, Sort.CREATED_AT, Sort.CLICKS)),
        order=chance.choice((Order.ASC, Order.DESC)),
        limit=chance.choice((1, 7, 30)),
        offset=chance.choice((0, 0, chance.randrange(120))),
    )


class Copy:
    """What one copy of the service remembers."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._searches = Searches()

    async def check(self, ask: SearchLinks) -> None:
        """In one snapshot: what is answered, and what a plain query finds."""
        async with self._database.snapshot() as db:
            search = await lists._counted(self._settings, db, ask, self._searches)
            links = await pages.read_page(db, ask, search)
            every = await plain(db, ask)
        assert search.total == len(every), ask
        assert [link.id for link in links] == every[ask.offset : ask.offset + ask.limit], ask


async def until_forgotten(database: Database) -> None:
    """What has been made forgotten is older than every transaction under way, so that what is counted is remembered."""
    statement = "select forgotten < pg_snapshot_xmin(pg_current_snapshot()) from link_edit_eras"

    async def behind() -> bool:
        async with database.connection() as db:
            return await db.fetchval(statement) is not False

    await until(behind, bool)


@pytest.fixture
async def remembering(database: Database) -> None:
    """Whatever a test before has made forgotten."""
    await until_forgotten(database)


@pytest.fixture
def corrections(remembering: None, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each search that was remembered, whether it could be corrected."""
    told: list[bool] = []
    list_edits = store_matches.list_edits

    async def listening(
        db: Connection, ask: SearchLinks, since: Moment, most: int
    ) -> tuple[Sequence[Edit], Moment] | None:
        news = await list_edits(db, ask, since, most)
        told.append(news is not None)
        return news

    monkeypatch.setattr(store_matches, "list_edits", listening)
    return told


async def forget(world: World, database: Database, chance: random.Random, stopped: asyncio.Event) -> None:
    """Deletes edits that are a moment old, and ends eras."""
    owner = await world.connect()
    try:
        while not stopped.is_set():
            async with database.transaction() as tx:
                await store_upkeep.delete_edits(tx, datetime.now(UTC), chance.choice((0, 50)), chance.choice((3, 30)))
            if chance.random() < 0.1:
                await owner.execute("update links.link_edit_eras set origin = 'elsewhere'")
            async with database.transaction() as tx:
                await store_upkeep.begin_era(tx)
    finally:
        await owner.close()


@pytest.mark.parametrize("forgetful", [False, True])
@pytest.mark.usefixtures("second_copy")
async def test_totals_and_pages_are_those_of_a_plain_query_whatever_is_changed_at_once(
    world: World,
    owner: asyncpg.Connection,
    database: Database,
    chance: random.Random,
    corrections: list[bool],
    forgetful: bool,
) -> None:
    workspace = ids.new()
    await own_domain(owner, workspace)
    links = await fill(owner, workspace, chance, 60)
    asks = [any_ask(workspace, chance) for _ in range(16)]
    # Those who turn the pages of one search, too.
    broad = SearchLinks(workspace=workspace, mode=Mode.LIVE, search="e", archived=None, limit=9)
    asks += [msgspec.structs.replace(broad, offset=offset) for offset in range(0, 90, 9)]
    copies = [Copy(world.settings(), database) for _ in range(3)]
    seeds = [chance.randrange(2**32) for _ in range(8)]
    stopped = asyncio.Event()

    async def look(copy: Copy, turns: random.Random) -> None:
        while not all(task.done() for task in working):
            await copy.check(turns.choice(asks))
        for ask in asks:
            await copy.check(ask)

    async with asyncio.TaskGroup() as group:
        working = [group.create_task(work(world, workspace, links, seed)) for seed in seeds[:4]]
        looking = [
            group.create_task(look(copy, random.Random(seed))) for copy, seed in zip(copies, seeds[4:7], strict=True)
        ]
        if forgetful:
            group.create_task(forget(world, database, random.Random(seeds[7]), stopped))
        await asyncio.wait(looking)
        stopped.set()
    assert any(corrections)
    assert all(corrections) is not forgetful


async def test_a_search_is_counted_once_and_corrected_by_any_copy_from_then_on(
    desk: Desk, world: World, database: Database, corrections: list[bool]
) -> None:
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example", archived=None)
    copies = [Copy(world.settings(), database) for _ in range(2)]
    links = [await desk.create() for _ in range(3)]
    for copy in copies:
        await copy.check(ask)
    for link in links:
        await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=link.id))
        await desk.create(title="another")
        await copies[0].check(ask)
    await copies[1].check(ask)
    assert corrections == [True] * 4


async def test_with_too_many_edits_a_search_is_counted_anew(
    desk: Desk, world: World, database: Database, corrections: list[bool]
) -> None:
    copy = Copy(world.settings(links_edits_corrected=3), database)
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example")
    await copy.check(ask)
    for count in (2, 3, 2):
        for _ in range(count):
            await desk.create()
        await copy.check(ask)
    assert corrections == [True, False, True]


@pytest.mark.usefixtures("remembering")
async def test_edits_of_other_workspaces_and_clicks_are_none(desk: Desk, test_desk: Desk, database: Database) -> None:
    link = await desk.create()
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example")
    async with database.snapshot() as db:
        _, moment = await store_matches.count_matches(db, ask)
    assert moment
    await test_desk.create()
    await desk.bus.ask(RecordTotals(totals=(Total(link=link.id, clicks=5),)))
    async with database.snapshot() as db:
        news = await store_matches.list_edits(db, ask, moment, most=1)
    assert news
    assert news[0] == []


async def test_old_edits_go_and_what_was_counted_before_them_is_counted_anew(
    desk: Desk, world: World, database: Database, corrections: list[bool]
) -> None:
    copy = Copy(world.settings(), database)
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example")
    await copy.check(ask)
    await desk.create()
    async with database.transaction() as tx:
        while await store_upkeep.delete_edits(tx, datetime.now(UTC) + timedelta(seconds=1), 1_000_000, 1_000):
            pass
        assert await tx.fetchval("select count(*) from link_edits where workspace = $1", desk.workspace) == 0
    # Somebody else's transaction may be older than the edits, and still under way.
    await until_forgotten(database)
    await copy.check(ask)
    await copy.check(ask)
    assert corrections == [False, True]


async def test_no_more_than_so_many_edits_are_kept(desk: Desk, database: Database) -> None:
    links = [await desk.create() for _ in range(5)]
    async with database.transaction() as tx:
        while await store_upkeep.delete_edits(tx, datetime.now(UTC) - timedelta(days=1), 2, 1_000):
            pass
        kept = await tx.fetch("select link from link_edits where workspace = $1 order by id", desk.workspace)
    assert [row["link"] for row in kept] == [link.id for link in links[3:]]


async def test_edits_from_elsewhere_are_never_held_against_a_count(
    desk: Desk, world: World, owner: asyncpg.Connection, database: Database
) -> None:
    """As after a dump was restored, whose numbers of transactions are those of another server."""
    copy = Copy(world.settings(), database)
    ask = SearchLinks(workspace=desk.workspace, mode=desk.mode, search="example")
    await copy.check(ask)
    await desk.create()
    async with owner.transaction():
        await owner.execute("update links.link_edit_eras set origin = 'elsewhere'")
        await owner.execute(
            "update links.link_edits set xact = (xact::text::bigint + 1000000)::text::xid8 where workspace = $1",
            desk.workspace,
        )
    await copy.check(ask)
    left = "select 1 from links.link_edits where workspace = $1"
    await until(lambda: owner.fetch(left, desk.workspace), lambda rows: not rows)
    async with database.connection() as db:
        await until(lambda: store_upkeep.has_era(db), bool)
    for _ in range(2):
        await desk.create()
        await copy.check(ask)


@pytest.mark.parametrize(
    "change",
    [
        "truncate link_entries",
        "alter table link_entries disable trigger link_entry_gone",
        "alter table link_entries set unlogged",
    ],
)
async def test_an_era_ends_when_entries_may_change_without_a_word(owner: asyncpg.Connection, change: str) -> None:
    transaction = owner.transaction()
    await transaction.start()
    try:
        await owner.execute("set local search_path = links")
        assert await store_upkeep.has_era(owner)
        await owner.execute(change)
        assert not await store_upkeep.has_era(owner)
    finally:
        await transaction.rollback()


def test_a_page_that_was_shown_leads_to_its_neighbours_though_others_have_come_and_gone() -> None:
    def link(number: int) -> Link:
        made = BEGUN + timedelta(seconds=number)
        return Link(
            id=f"l{number}",
            workspace="w",
            mode=Mode.LIVE,
            domain="",
            slug="s",
            destination_url="",
            created_at=made,
            updated_at=made,
        )

    search = Search(100_000)
    search.mark(50_000, [link(1), link(5)])
    older, newer = (BEGUN + timedelta(seconds=1), "l1"), (BEGUN + timedelta(seconds=5), "l5" + BEHIND)
    assert search.way(50_002, 50) == (Order.ASC, Start(0, since=newer))
    assert search.way(49_949, 50) == (Order.DESC, Start(1, before=older))
    edits = [Edit((BEGUN, "l0"), 1), Edit((BEGUN, "l00"), 1), Edit((BEGUN + timedelta(seconds=1), "l1"), -1)]
    search = search.corrected(edits, Moment("era", "1:1:"))
    assert search.total == 100_001
    assert search.way(50_002, 50) == (Order.ASC, Start(0, since=older))
    assert search.way(50_004, 50) == (Order.ASC, Start(1, since=newer))
    assert search.way(49_952, 50) == (Order.DESC, Start(0, before=older))
    assert search.way(10, 50) == (Order.ASC, Start(10))
    assert search.way(99_945, 50) == (Order.DESC, Start(6))
    for number in range(MARKS):
        search.mark(number, [link(number)])
    assert len(search.marks) == MARKS


def test_only_so_many_searches_are_remembered() -> None:
    searches = Searches()
    asks = [SearchLinks(workspace="w", mode=Mode.LIVE, search=str(number)) for number in range(4)]
    for ask in asks[:3]:
        searches.put(ask, Search(1), most=3)
    assert searches.get(asks[0])
    searches.put(asks[3], Search(1), most=3)
    assert [searches.get(ask) is not None for ask in asks] == [True, False, True, True]
