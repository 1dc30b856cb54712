"""Lists, searches and counts in a workspace of a million links, against the same in one of a thousand.

Asked through the bus, so that the services and the servers are measured and not the gateway.
"""

import statistics
import time
from typing import Any

from shared import ids
from shared.contracts.links import FindLinks, ListLinks, ListTags, Order, SearchLinks, Sort, Status
from shared.contracts.modes import Mode
from tests.bench import lab
from tests.bench.figures import Figure, at_most
from tests.bench.lab import Lab

MANY = 1_000_000
FEW = 1_000
TURNS = 9
REPEATS = 3  # in one turn, of which the quickest counts
LIMIT = 50

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
    "last page": {"part": 0.999},
    "page in the middle": {"part": 0.5},
    "page in the middle, by clicks": {"part": 0.5, "sort": Sort.CLICKS},
}


async def lists() -> list[Figure]:
    async with lab.lab("lists") as room:
        many, few = ids.new(), ids.new()
        await _fill(room, {many: MANY, few: FEW})
        figures = []
        for name, fields in VARIANTS.items():
            figures += await _compare(room, name, _search(many, MANY, fields), _search(few, FEW, fields))
        figures += await _compare(room, "by position", _by_position(many), _by_position(few))
        figures += await _compare(room, "by destination", _by_destination(many), _by_destination(few))
        return figures + await _compare(room, "tags", _tags(many), _tags(few))


async def _compare(room: Lab, name: str, large: Any, small: Any) -> list[Figure]:
    ratios, took = [], []
    for turn in range(TURNS + 1):
        # Which one goes first changes, and the first turn warms up.
        if turn % 2:
            long, short = await _time(room, large), await _time(room, small)
        else:
            short, long = await _time(room, small), await _time(room, large)
        if turn:
            ratios.append(long / short)
            took.append(long * 1000)
    room.say(f"{name}: {statistics.median(took):.1f} ms, {statistics.median(ratios):.1f} ×")
    return [Figure(name, "×", tuple(ratios), at_most(2.0)), Figure("  with 1,000,000 links", "ms", tuple(took))]


async def _time(room: Lab, ask: Any) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        began = time.perf_counter()
        await room.world.bus.ask(ask, timeout=10)
        best = min(best, time.perf_counter() - began)
    return best


def _search(workspace: str, size: int, fields: dict[str, Any]) -> SearchLinks:
    given = {name: value for name, value in fields.items() if name != "part"}
    offset = int(size * fields.get("part", 0)) // LIMIT * LIMIT
    return SearchLinks(workspace=workspace, mode=Mode.LIVE, limit=LIMIT, offset=offset, **given)


def _by_position(workspace: str) -> ListLinks:
    return ListLinks(workspace=workspace, mode=Mode.LIVE, limit=LIMIT)


def _by_destination(workspace: str) -> FindLinks:
    return FindLinks(workspace=workspace, mode=Mode.LIVE, destination_url="https://www.example77.com/path/77")


def _tags(workspace: str) -> ListTags:
    return ListTags(workspace=workspace, mode=Mode.LIVE)


async def _fill(room: Lab, workspaces: dict[str, int]) -> None:
    """As the owner, with the indexes put off until the rows are there: made once and not a million times extended."""
    room.say(f"{sum(workspaces.values()):,} links are made")
    owner = await room.world.connect()
    try:
        await owner.execute("set search_path = links")
        indexes = await owner.fetch("""
            select indexname, indexdef from pg_indexes
            where schemaname = 'links' and (indexname like 'link_entries_%' or indexname = 'link_ranks_order')
              and indexname not like '%_pkey'
        """)
        await owner.execute("".join(f"drop index {row['indexname']};" for row in indexes))
        for workspace, size in workspaces.items():
            await owner.execute(_LINKS, workspace, size, timeout=400)
        room.say("the indexes are made")
        for row in indexes:
            await owner.execute(row["indexdef"], timeout=400)
        await owner.execute(
            "vacuum analyze links, link_entries, link_ranks, link_tallies, link_tags, link_tag_ranks", timeout=100
        )
    finally:
        await owner.close()


_LINKS = """
insert into links (
    id, workspace, mode, domain, slug, destination_url, title, active, position, tags, metadata,
    show_on_profile, forward_query, expires_at, lapsed, clicks, created_at, archived
)
select substr($1, 1, 14) || lpad(n::text, 8, '0'), $1, 'live', '', substr($1, 12) || to_hex(n),
       'https://www.example' || n % 5000 || '.com/path/' || n,
       (array['Summer campaign', 'Winter sale', 'Newsletter', 'Partner', 'Blog post'])[1 + n % 5] || ' ' || n
           || case when n % 50000 = 7 then ' anniversary' else '' end,
       n % 10 <> 0, least(n, 1000000), array['tag' || n % 20, 'customer' || n % 500], '{}',
       true, false, case when n % 1000 = 5 then timestamptz '2020-01-01' end, n % 1000 = 5,
       n::bigint * 7919 % 100003, timestamptz '2025-01-01' + n * interval '1 second', n % 200 = 9
from generate_series(1, $2::int) n
"""
