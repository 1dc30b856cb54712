"""The SQL that looks for links: what matches, in which order, how many there are.

Statements with filters are planned for the values of each question and not once for all. So a filter that is not given
falls out of the plan, and the planner knows whether a tag or a text is rare (then what matches is gathered and sorted)
or common (then the list is walked in its order until the page is full).
"""

import msgspec

from services.links.store_blocks import Bound
from services.links.store_rows import fetch_planned, link_of
from shared.contracts.links import ExportLinks, Link, Order, SearchLinks, Sort
from shared.database import Connection

FEW = 5_000  # matches
_NONE = (None, None)

# $1 workspace, $2 mode, $3 archived, $4 tag, $5 status, $6 pattern, $7 domain, $8 limit, $9 offset; only what is from
# ($10, $11) on and before ($12, $13).
_BY_AGE = """
with page as materialized (
    select e.link as id, e.created_at as place from link_entries e
    where e.workspace = $1 and e.mode = $2
      and ($3::bool is null or e.archived = $3)
      and ($4::text is null or e.tags @> array[$4])
      and ($5::text is null or e.state = $5)
      and ($6::text is null or e.words like lower($6))
      and ($7::text is null or e.domain = $7)
      and ($10::timestamptz is null or (e.created_at, e.link) >= ($10, $11))
      and ($12::timestamptz is null or (e.created_at, e.link) < ($12, $13))
    order by e.created_at desc, e.link desc limit $8 offset $9
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

_BY_CLICKS = """
with page as materialized (
    select e.link as id, r.clicks as place from link_ranks r join link_entries e using (link)
    where r.workspace = $1 and r.mode = $2 and e.workspace = $1 and e.mode = $2
      and ($3::bool is null or e.archived = $3)
      and ($4::text is null or e.tags @> array[$4])
      and ($5::text is null or e.state = $5)
      and ($6::text is null or e.words like lower($6))
      and ($7::text is null or e.domain = $7)
      and ($10::bigint is null or (r.clicks, r.link) >= ($10, $11))
      and ($12::bigint is null or (r.clicks, r.link) < ($12, $13))
    order by r.clicks desc, r.link desc limit $8 offset $9
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

# When few match, they are gathered first: the planner cannot know how far down the ranks they are.
_FEW_BY_CLICKS = """
with few as materialized (
    select e.link from link_entries e
    where e.workspace = $1 and e.mode = $2
      and ($3::bool is null or e.archived = $3)
      and ($4::text is null or e.tags @> array[$4])
      and ($5::text is null or e.state = $5)
      and ($6::text is null or e.words like lower($6))
      and ($7::text is null or e.domain = $7)
),
page as materialized (
    select r.link as id, r.clicks as place from few join link_ranks r using (link)
    order by r.clicks desc, r.link desc limit $8 offset $9
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

# When nothing is asked for that only an entry knows. $4 limit, $5 offset; from ($6, $7) on and before ($8, $9).
_ALL_BY_CLICKS = """
with page as materialized (
    select r.link as id, r.clicks as place from link_ranks r
    where r.workspace = $1 and r.mode = $2 and ($3::bool is null or r.archived = $3)
      and ($6::bigint is null or (r.clicks, r.link) >= ($6, $7))
      and ($8::bigint is null or (r.clicks, r.link) < ($8, $9))
    order by r.clicks desc, r.link desc limit $4 offset $5
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

# When nothing is asked for but a domain. $4 domain, $5 limit, $6 offset.
_ON_DOMAIN_BY_CLICKS = """
with page as materialized (
    select r.link as id, r.clicks as place from link_ranks r
    where r.workspace = $1 and r.mode = $2 and r.domain = $4 and ($3::bool is null or r.archived = $3)
    order by r.clicks desc, r.link desc limit $5 offset $6
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

# The links of one tag have orders of their own. $4 tag, $5 status, $6 limit, $7 offset.
_TAGGED_BY_AGE = """
with page as materialized (
    select t.link as id, t.created_at as place from link_tags t
    where t.workspace = $1 and t.mode = $2 and t.tag = $4
      and ($3::bool is null or t.archived = $3)
      and ($5::text is null or t.state = $5)
    order by t.created_at desc, t.link desc limit $6 offset $7
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""

_TAGGED_BY_CLICKS = """
with page as materialized (
    select t.link as id, t.clicks as place from link_tag_ranks t
    where t.workspace = $1 and t.mode = $2 and t.tag = $4
      and ($3::bool is null or t.archived = $3)
      and ($5::text is null or t.state = $5)
    order by t.clicks desc, t.link desc limit $6 offset $7
)
select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
       l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
       l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
       l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
from page join links l using (id) order by page.place desc, l.id desc
"""


class Start(msgspec.Struct, frozen=True):
    """A part of the list that a page begins in, and how many links of it come before that page."""

    passed_over: int
    since: Bound | None = None
    before: Bound | None = None


async def list_page(
    db: Connection, ask: SearchLinks, order: Order, total: int, limit: int, start: Start
) -> tuple[Link, ...]:
    """In this ``order``, whichever was asked for. ``total`` matches tell which statement reads the fewest rows."""
    # To gather them all is of no use where the page's part of the list is known.
    few = total <= FEW and start.since is None and start.before is None
    text, filters, bounded = _page_text(ask, few=few)
    if order is Order.ASC:
        text = text.replace(" desc", " asc")
    bounds = (*(start.since or _NONE), *(start.before or _NONE)) if bounded else ()
    rows = await fetch_planned(
        db, text, ask.workspace, ask.mode, ask.archived, *filters, limit, start.passed_over, *bounds
    )
    return tuple(map(link_of, rows))


def _page_text(ask: SearchLinks, *, few: bool) -> tuple[str, tuple[str | None, ...], bool]:
    """The statement, the filters that it takes, and whether it takes bounds."""
    by_clicks = ask.sort is Sort.CLICKS
    if ask.tag is not None and not is_counted(ask):
        return _TAGGED_BY_CLICKS if by_clicks else _TAGGED_BY_AGE, (ask.tag, ask.status), False
    filters = (ask.tag, ask.status, containing(ask.search), ask.domain)
    if not by_clicks:
        return _BY_AGE, filters, True
    if all(each is None for each in filters):
        return _ALL_BY_CLICKS, (), True
    # Of our own host, where most links are, there is no such order.
    if ask.domain and all(each is None for each in filters[:-1]):
        return _ON_DOMAIN_BY_CLICKS, (ask.domain,), False
    return (_FEW_BY_CLICKS, filters, False) if few else (_BY_CLICKS, filters, True)


def is_counted(ask: SearchLinks) -> bool:
    """Of texts and domains there are no tallies: what matches is counted, and remembered."""
    return ask.search is not None or ask.domain is not None


async def count_links(db: Connection, ask: SearchLinks) -> int:
    """Known without counting."""
    total: int = await db.fetchval(
        """
        select coalesce(sum(links), 0)::bigint from (
            select archived, active, lapsed, links from link_tallies
            where workspace = $1 and mode = $2 and tag = coalesce($4, '')
            union all
            select archived, active, lapsed, links from link_changes
            where workspace = $1 and mode = $2 and tag = coalesce($4, '')
        ) kinds
        where ($3::bool is null or archived = $3) and ($5::text is null or state_of(active, lapsed) = $5)
        """,
        ask.workspace,
        ask.mode,
        ask.archived,
        ask.tag,
        ask.status,
    )
    return total


async def export_links(db: Connection, ask: ExportLinks) -> tuple[Link, ...]:
    """Those that come after ``ask.after``, by their ids."""
    rows = await fetch_planned(
        db,
        """
        with page as materialized (
            select e.link as id from link_entries e
            where e.workspace = $1 and e.mode = $2 and ($7::text is null or e.link > $7)
              and ($3::bool is null or e.archived = $3)
              and ($4::text is null or e.tags @> array[$4])
              and ($5::text is null or e.state = $5)
              and ($6::text is null or e.words like lower($6))
              and ($9::text is null or e.domain = $9)
            order by e.link limit $8
        )
        select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from page join links l using (id)
        order by l.id
        """,
        ask.workspace,
        ask.mode,
        ask.archived,
        ask.tag,
        ask.status,
        containing(ask.search),
        ask.after,
        ask.limit,
        ask.domain,
    )
    return tuple(map(link_of, rows))


def containing(text: str | None) -> str | None:
    """The pattern of texts that contain this one, whatever signs it has."""
    if text is None:
        return None
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
