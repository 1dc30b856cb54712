"""The SQL of the blocks that long lists are cut into: where a page begins, found without passing over all before it."""

from datetime import UTC, datetime, timedelta

import msgspec

from shared.contracts.links import Order, Status
from shared.contracts.modes import Mode
from shared.database import Connection

# As the triggers name and count them. The first digits of a block name the larger one that it is a part of.
AGE, CLICKS, POSITION = "age", "clicks", "position"
_DIGITS = {AGE: [4, 6, 8], CLICKS: [3, 7, 8, 9], POSITION: [2, 4]}
_AGE_SECONDS = 16
_POSITIONS = 256
BEHIND = "~"  # sorts behind every digit of a block and every character of an id

# What a list is in order by, and an id.
Bound = tuple[datetime | int, str]

_FIND = """
with recursive fresh as materialized (
    select block, sum(links) as links
    from (
        select case $3 when 'age' then age when 'clicks' then clicks else position end, archived, active, lapsed, links
        from link_changes where workspace = $1 and mode = $2 and tag = '' and age is not null
        union all
        select place, archived, active, lapsed, step
        from link_moves cross join lateral (values (origin, -1), (goal, 1)) as side (place, step)
        where workspace = $1 and mode = $2 and $3 = 'clicks'
    ) as changed (block, archived, active, lapsed, links)
    where ($4::bool is null or archived = $4)
      and ($5::text is null or state_of(active, lapsed) = $5)
      and ($6::bool is null or active = $6)
    group by block
),
walk as (
    select 0 as steps, '' collate "C" as block, $7::numeric as passed_over
    union all
    select walk.steps + 1, part.block, walk.passed_over - part.before
    from walk cross join lateral (
        select block, before
        from (
            select block, sum(links) as links,
                   sum(sum(links)) over (order by block asc rows unbounded preceding) - sum(links) as before
            from (
                select block, links from link_blocks
                where workspace = $1 and mode = $2 and sorting = $3 and digits = ($8::int[])[walk.steps + 1]
                  and block >= walk.block and block < walk.block || '~'
                  and ($4::bool is null or archived = $4)
                  and ($5::text is null or state_of(active, lapsed) = $5)
                  and ($6::bool is null or active = $6)
                union all
                select left(block, ($8::int[])[walk.steps + 1]), links from fresh
                where block >= walk.block and block < walk.block || '~'
                  and length(block) >= ($8::int[])[walk.steps + 1]
            ) as kinds
            group by block
        ) as parts
        where before <= walk.passed_over and walk.passed_over < before + links
    ) as part
)
select block, passed_over::bigint as passed_over from walk where steps > 0 order by steps desc limit 1
"""


class Place(msgspec.Struct, frozen=True):
    """A block, and how many links of it come before a page."""

    block: str
    passed_over: int


async def find_place(
    db: Connection,
    workspace: str,
    mode: Mode,
    sorting: str,
    offset: int,
    *,
    order: Order = Order.ASC,
    archived: bool | None = False,
    status: Status | None = None,
    active: bool | None = None,
) -> Place | None:
    """Where the page begins that comes after ``offset`` links; None when there are no more."""
    text = _FIND if order is Order.ASC else _FIND.replace(" asc ", " desc ")
    row = await db.fetchrow(text, workspace, mode, sorting, archived, status, active, offset, _DIGITS[sorting])
    return Place(row["block"], row["passed_over"]) if row else None


def bounds(sorting: str, block: str) -> tuple[Bound, Bound]:
    """Of a block by age or by clicks: from the first on, and before the second."""
    return _age_bounds(block) if sorting == AGE else _clicks_bounds(block)


def first_position(block: str) -> int:
    return int(block, 16) * _POSITIONS


def _age_bounds(block: str) -> tuple[Bound, Bound]:
    since = datetime.fromtimestamp(int(block, 16) * _AGE_SECONDS, UTC)
    return (since, ""), (since + timedelta(seconds=_AGE_SECONDS), "")


def _clicks_bounds(block: str) -> tuple[Bound, Bound]:
    if ids := block[3:]:
        return (0, ids), (0, ids + BEHIND)
    # The letter tells how many digits the number has, of which the block names the first two.
    size = 10 ** max(ord(block[0]) - ord("b"), 0)
    first = int(block[1:])
    return (first * size, ""), ((first + 1) * size, "")
