"""The SQL of lists of links: one function per statement."""

from datetime import datetime

from services.links.store_rows import link_of
from shared.contracts.links import ExportLinks, Link, Order, SearchLinks, Sort, Tag
from shared.contracts.modes import Mode
from shared.database import Connection


async def list_links(
    db: Connection, workspace: str, mode: Mode, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    """A page, and how many there are in all."""
    rows = await db.fetch(
        """
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (
            select coalesce(sum(active + inactive), 0)::bigint as total
            from link_counts where workspace = $1 and mode = $2
        ) counts
        left join (
            select * from links where workspace = $1 and mode = $2
            order by position, created_at, id limit $3 offset $4
        ) l on true
        order by l.position, l.created_at, l.id
        """,
        workspace,
        mode,
        limit,
        offset,
    )
    return tuple(link_of(row) for row in rows if row["id"]), rows[0]["total"]


async def list_links_by_state(
    db: Connection, workspace: str, mode: Mode, active: bool, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    """The same for one state. A statement of its own, because it needs an index of its own."""
    rows = await db.fetch(
        """
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (
            select coalesce(sum(case when $3 then active else inactive end), 0)::bigint as total
            from link_counts where workspace = $1 and mode = $2
        ) counts
        left join (
            select * from links where workspace = $1 and mode = $2 and active = $3
            order by position, created_at, id limit $4 offset $5
        ) l on true
        order by l.position, l.created_at, l.id
        """,
        workspace,
        mode,
        active,
        limit,
        offset,
    )
    return tuple(link_of(row) for row in rows if row["id"]), rows[0]["total"]


async def list_profile_links(db: Connection, workspace: str, now: datetime, limit: int) -> tuple[Link, ...]:
    rows = await db.fetch(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links
        where workspace = $1 and mode = 'live' and active and show_on_profile
          and (expires_at is null or expires_at > $2) and (max_clicks is null or clicks < max_clicks)
        order by position, created_at, id limit $3
        """,
        workspace,
        now,
        limit,
    )
    return tuple(map(link_of, rows))


_NEWEST = """
        with matching as (
            select * from links where workspace = $1 and mode = $2
            and ($3::bool is null or archived = $3)
            and ($4::text is null or tags @> array[$4])
            and ($5::text is null or $5 = case
                when expires_at <= $6 or greatest(claimed, clicks) >= max_clicks then 'expired'
                when active then 'active' else 'inactive' end)
            and ($7::text is null or concat_ws(E'\n', title, slug, destination_url) ilike $7)
        )
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (select count(*) as total from matching) counts
        left join (select * from matching order by created_at desc, id desc limit $8 offset $9) l on true
        order by l.created_at desc, l.id desc
"""
_MOST_CLICKED = _NEWEST.replace("created_at desc, ", "clicks desc, ")
_SEARCHES = {
    (Sort.CREATED_AT, Order.DESC): _NEWEST,
    (Sort.CREATED_AT, Order.ASC): _NEWEST.replace(" desc", " asc"),
    (Sort.CLICKS, Order.DESC): _MOST_CLICKED,
    (Sort.CLICKS, Order.ASC): _MOST_CLICKED.replace(" desc", " asc"),
}


async def search_links(db: Connection, ask: SearchLinks, now: datetime) -> tuple[tuple[Link, ...], int]:
    rows = await db.fetch(
        _SEARCHES[ask.sort, ask.order],
        ask.workspace,
        ask.mode,
        ask.archived,
        ask.tag,
        ask.status,
        now,
        _containing(ask.search),
        ask.limit,
        ask.offset,
    )
    return tuple(link_of(row) for row in rows if row["id"]), rows[0]["total"]


async def export_links(db: Connection, ask: ExportLinks, now: datetime) -> tuple[Link, ...]:
    rows = await db.fetch(
        """
        select l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from links l
        where workspace = $1 and mode = $2
            and ($3::bool is null or archived = $3)
            and ($4::text is null or tags @> array[$4])
            and ($5::text is null or $5 = case
                when expires_at <= $6 or greatest(claimed, clicks) >= max_clicks then 'expired'
                when active then 'active' else 'inactive' end)
            and ($7::text is null or concat_ws(E'\n', title, slug, destination_url) ilike $7)
            and ($8::text is null or id > $8)
        order by id limit $9
        """,
        ask.workspace,
        ask.mode,
        ask.archived,
        ask.tag,
        ask.status,
        now,
        _containing(ask.search),
        ask.after,
        ask.limit,
    )
    return tuple(map(link_of, rows))


async def find_links(
    db: Connection, workspace: str, mode: Mode, destination_url: str, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    rows = await db.fetch(
        """
        with matching as (
            select * from links where workspace = $1 and mode = $2 and destination_url = $3
        )
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (select count(*) as total from matching) counts
        left join (select * from matching order by created_at desc, id desc limit $4 offset $5) l on true
        order by l.created_at desc, l.id desc
        """,
        workspace,
        mode,
        destination_url,
        limit,
        offset,
    )
    return tuple(link_of(row) for row in rows if row["id"]), rows[0]["total"]


async def list_tags(db: Connection, workspace: str, mode: Mode, limit: int, offset: int) -> tuple[tuple[Tag, ...], int]:
    rows = await db.fetch(
        """
        with used as (
            select tag as name, count(*) as links from links, unnest(tags) as t (tag)
            where workspace = $1 and mode = $2 and not archived group by tag
        )
        select counts.total, page.name, page.links from (select count(*) as total from used) counts
        left join (select * from used order by name limit $3 offset $4) page on true
        order by page.name
        """,
        workspace,
        mode,
        limit,
        offset,
    )
    tags = tuple(Tag(name=row["name"], links=row["links"]) for row in rows if row["name"] is not None)
    return tags, rows[0]["total"]


def _containing(text: str | None) -> str | None:
    """The pattern of texts that contain this one, whatever signs it has."""
    if text is None:
        return None
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
