"""Lists, searches and counts in a workspace of a million links, against the same in one of a thousand.

Asked through the bus, so that the services and the servers are measured and not the gateway.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import msgspec

from services.links.store_search import is_counted
from shared import ids
from shared.contracts.links import (
    CreateLink,
    DeleteLink,
    FindLinks,
    ListLinks,
    ListTags,
    Order,
    SearchLinks,
    Sort,
    Status,
)
from shared.contracts.modes import Mode
from shared.database import migrations_of
from shared.faults import Fault
from tests.bench import lab, wrk
from tests.bench.figures import Figure, at_most
from tests.bench.lab import Lab

MANY = 1_000_000
FEW = 1_000
TURNS = 9
SLOW_TURNS = 5
REPEATS = 3  # in one turn, of which the quickest counts
LIMIT = 50
_STEP_SECONDS = 300

# The offset of a deep page is a part of the list, and so deeper in the longer one.
VARIANTS: dict[str, dict[str, Any]] = {
    "first page": {},
    "oldest first": {"order": Order.ASC},
    "by clicks": {"sort": Sort.CLICKS},
    "active": {"status": Status.ACTIVE},
    "expired, 1 in 1,000": {"status": Status.EXPIRED},
    "archived, 1 in 200": {"archived": True},
    "tag, 1 in 20": {"tag": "tag3"},
    "tag, 1 in 500": {"tag": "customer77"},
    "tag, 1 in 500, by clicks": {"tag": "customer77", "sort": Sort.CLICKS},
    "tag and status": {"tag": "tag3", "status": Status.ACTIVE},
    "search, nothing": {"search": "no such thing"},
    "search, 20 matches": {"search": "anniversary"},
    "search, 1 in 5": {"search": "newsletter"},
    "search, all": {"search": "example"},
    "search, 2 characters": {"search": "ex"},
    "search, 1 character": {"search": "7"},
    "own host, 2 in 3": {"domain": ""},
    "domain, 1 in 3": {"domain": "go.example"},
    "domain, 1 in 3, by clicks": {"domain": "go.example", "sort": Sort.CLICKS},
    "domain, 1 in 500": {"domain": "l.example"},
    "domain, 1 in 500, by clicks": {"domain": "l.example", "sort": Sort.CLICKS},
    "domain and tag": {"domain": "go.example", "tag": "tag3"},
    "domain and search": {"domain": "go.example", "search": "newsletter"},
    "last page": {"part": 0.999},
    "page in the middle": {"part": 0.5},
    "page in the middle, by clicks": {"part": 0.5, "sort": Sort.CLICKS},
    "page in the middle, active": {"part": 0.45, "status": Status.ACTIVE},
    "page in the middle of a search": {"part": 0.5, "search": "example"},
    "page in the middle of a domain": {"part": 0.15, "domain": "go.example"},
}
# The same when links have changed since the last one.
AFTER_A_CHANGE = (
    "page in the middle",
    "page in the middle, by clicks",
    "search, 20 matches",
    "search, 1 in 5",
    "search, all",
    "search, 1 character",
    "own host, 2 in 3",
    "page in the middle of a search",
)
# The same when a copy of the service has just been started and has never been asked for it.
FIRST = (
    "search, 1 in 5",
    "search, all",
    "search, 1 character",
    "own host, 2 in 3",
    "domain, 1 in 3",
    "page in the middle of a search",
)
FIRST_TURNS = 3

Before = Callable[[Lab, Any], Awaitable[None]]


async def lists() -> list[Figure]:
    async with lab.lab("lists") as room:
        many, few = ids.new(), ids.new()
        await _fill(room, {many: MANY, few: FEW})
        figures = []
        for name, fields in VARIANTS.items():
            figures += await _compare(room, name, _search(many, MANY, fields), _search(few, FEW, fields))
        figures += await _compare(room, "by position", _by_position(many), _by_position(few))
        middle = (_by_position(many, MANY // 2), _by_position(few, FEW // 2))
        figures += await _compare(room, "by position, page in the middle", *middle)
        figures += await _compare(room, "by destination", _by_destination(many), _by_destination(few))
        figures += await _compare(room, "tags", _tags(many), _tags(few))
        for name in AFTER_A_CHANGE:
            asks = _search(many, MANY, VARIANTS[name]), _search(few, FEW, VARIANTS[name])
            made: dict[str, str] = {}
            figures += await _compare(
                room, f"{name}, after a change", *asks, turns=SLOW_TURNS, before=partial(_change, made)
            )
            await asyncio.gather(*(_check_total(room, ask) for ask in asks if is_counted(ask)))
        for name in FIRST:
            figures.append(await _first(room, name, _search(many, MANY, VARIANTS[name])))
        return figures


async def _change(made: dict[str, str], room: Lab, ask: SearchLinks) -> None:
    """A link comes that every search finds, and the one ``made`` before it goes."""
    link = await room.world.bus.ask(
        CreateLink(
            workspace=ask.workspace,
            mode=ask.mode,
            title="Newsletter 7 anniversary",
            destination_url="https://www.example.net/",
        )
    )
    if former := made.get(ask.workspace):
        await room.world.bus.ask(DeleteLink(workspace=ask.workspace, mode=ask.mode, id=former))
    made[ask.workspace] = link.id


async def _check_total(room: Lab, ask: SearchLinks) -> None:
    page = await room.world.bus.ask(ask)
    owner = await room.world.connect()
    try:
        counted = await owner.fetchval(
            """
            select count(*) from links.links
            where workspace = $1 and not archived
              and ($2::text is null or strpos(lower(concat_ws(chr(10), title, slug, destination_url)), $2) > 0)
              and ($3::text is null or domain = $3)
            """,
            ask.workspace,
            ask.search,
            ask.domain,
            timeout=_STEP_SECONDS,
        )
    finally:
        await owner.close()
    if page.total != counted:
        raise wrk.Missing(f"a search tells of {page.total:,} matches of {counted:,}")


async def _first(room: Lab, name: str, ask: SearchLinks) -> Figure:
    took = []
    for _ in range(FIRST_TURNS):
        await room.world.services["links"].stop()
        await room.world.services["links"].start()
        await room.world.until_answered("links")
        # So that the service has its connections, and the part of the list is at hand.
        await room.world.bus.ask(msgspec.structs.replace(ask, search="no such thing", offset=0))
        took.append(await _time_once(room, ask) * 1000)
    room.say(f"{name}, asked for the first time: {statistics.median(took):.1f} ms")
    return Figure(f"{name}, first", "ms", tuple(took))


async def _rest(_: Lab, __: Any) -> None:
    """Nothing happens before a question."""


async def _compare(
    room: Lab, name: str, large: Any, small: Any, *, turns: int = TURNS, before: Before = _rest
) -> list[Figure]:
    ratios, took = [], []
    for turn in range(turns + 1):
        # Which one goes first changes, and the first turn warms up.
        if turn % 2:
            long, short = await _time(room, large, before), await _time(room, small, before)
        else:
            short, long = await _time(room, small, before), await _time(room, large, before)
        if turn:
            ratios.append(long / short)
            took.append(long * 1000)
    room.say(f"{name}: {statistics.median(took):.1f} ms, {statistics.median(ratios):.1f} ×")
    return [Figure(name, "×", tuple(ratios), at_most(2.0)), Figure("  with 1,000,000 links", "ms", tuple(took))]


async def _time(room: Lab, ask: Any, before: Before) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        await before(room, ask)
        best = min(best, await _time_once(room, ask))
    return best


async def _time_once(room: Lab, ask: Any) -> float:
    began = time.perf_counter()
    try:
        await room.world.bus.ask(ask, timeout=10)
    except Fault as fault:
        # One that takes too long is refused, and has taken that long.
        room.say(f"refused: {fault.message}")
    return time.perf_counter() - began


def _search(workspace: str, size: int, fields: dict[str, Any]) -> SearchLinks:
    given = {name: value for name, value in fields.items() if name != "part"}
    offset = int(size * fields.get("part", 0)) // LIMIT * LIMIT
    return SearchLinks(workspace=workspace, mode=Mode.LIVE, limit=LIMIT, offset=offset, **given)


def _by_position(workspace: str, offset: int = 0) -> ListLinks:
    return ListLinks(workspace=workspace, mode=Mode.LIVE, limit=LIMIT, offset=offset)


def _by_destination(workspace: str) -> FindLinks:
    return FindLinks(workspace=workspace, mode=Mode.LIVE, destination_url="https://www.example77.com/path/77")


def _tags(workspace: str) -> ListTags:
    return ListTags(workspace=workspace, mode=Mode.LIVE)


async def _fill(room: Lab, workspaces: dict[str, int]) -> None:
    """As the owner and without triggers; indexes are put off until the rows are there: made once and not a million
    times extended."""
    owner = await room.world.connect()
    try:
        await owner.execute("set search_path = links, public")
        await owner.execute("set maintenance_work_mem = '512MB'")
        await owner.execute("set session_replication_role = replica")
        indexes = await owner.fetch("""
            select indexname, indexdef from pg_indexes
            where schemaname = 'links' and (indexname like 'link_entries_%' or indexname like 'link_ranks_%')
              and indexname not like '%_pkey'
        """)
        await owner.execute("".join(f"drop index {row['indexname']};" for row in indexes))
        for workspace, size in workspaces.items():
            room.say(f"{size:,} links are made")
            await owner.execute(_LINKS, workspace, size, timeout=_STEP_SECONDS)
        for statement in _DERIVED:
            room.say(statement.strip().partition(" (")[0])
            await owner.execute(statement, timeout=_STEP_SECONDS)
        room.say("blocks are counted")
        await _count_blocks(owner)
        for row in indexes:
            room.say(f"{row['indexname']} is made")
            await owner.execute(row["indexdef"], timeout=_STEP_SECONDS)
        await owner.execute(
            "vacuum analyze links, link_entries, link_ranks, link_tallies, link_tags, link_tag_ranks, link_blocks",
            timeout=_STEP_SECONDS,
        )
    finally:
        await owner.close()


async def _count_blocks(owner: asyncpg.Connection) -> None:
    """As the migration does it for links that were there before."""
    (counting,) = (path for path in migrations_of("links") if path.stem == "0012_blocks_of_old_links")
    for statement in counting.read_text(encoding="utf-8").removesuffix(";\n").split(";\n"):
        await owner.execute(statement, timeout=_STEP_SECONDS)


# As the triggers would have it.
_DERIVED = (
    """
    insert into link_entries (link, workspace, mode, archived, active, state, position, created_at, tags, words, domain)
    select id, workspace, mode, archived, active, state_of(active, lapsed), position, created_at, tags,
           words_of(title, slug, destination_url), domain
    from links order by id
    """,
    """
    insert into link_ranks (link, workspace, mode, archived, clicks, domain)
    select id, workspace, mode, archived, clicks, domain from links order by id
    """,
    """
    insert into link_tallies (workspace, mode, tag, archived, active, lapsed, links)
    select workspace, mode, tag, archived, active, lapsed, count(*)
    from links, unnest(array_prepend('', tags)) as t (tag)
    group by workspace, mode, tag, archived, active, lapsed
    """,
    """
    insert into link_tags (workspace, mode, tag, created_at, link, archived, state)
    select workspace, mode, tag, created_at, id, archived, state_of(active, lapsed)
    from links, unnest(tags) as t (tag) order by 1, 2, 3, 4, 5
    """,
    """
    insert into link_tag_ranks (workspace, mode, tag, clicks, link, archived, state)
    select workspace, mode, tag, clicks, id, archived, state_of(active, lapsed)
    from links, unnest(tags) as t (tag) order by 1, 2, 3, 4, 5
    """,
)

_LINKS = """
insert into links (
    id, workspace, mode, domain, domain_id, slug, destination_url, title, active, position, tags, metadata,
    show_on_profile, forward_query, expires_at, lapsed, clicks, created_at, archived
)
select substr($1, 1, 14) || lpad(n::text, 8, '0'), $1, 'live', coalesce(domain, ''), domain,
       substr($1, 12) || to_hex(n), 'https://www.example' || n % 5000 || '.com/path/' || n,
       (array['Summer campaign', 'Winter sale', 'Newsletter', 'Partner', 'Blog post'])[1 + n % 5] || ' ' || n
           || case when n % 50000 = 7 then ' anniversary' else '' end,
       n % 10 <> 0, least(n, 1000000), array['tag' || n % 20, 'customer' || n % 500], '{}',
       true, false, case when n % 1000 = 5 then timestamptz '2020-01-01' end, n % 1000 = 5,
       n::bigint * 7919 % 100003, timestamptz '2025-01-01' + n * interval '1 second', n % 200 = 9
from generate_series(1, $2::int) n
cross join lateral (select case when n % 500 = 77 then 'l.example' when n % 3 = 0 then 'go.example' end) as d (domain)
"""
