"""The SQL of lists of links: one function per statement."""

from datetime import datetime

from services.links.store_rows import link_of
from shared.contracts.links import Link, Tag
from shared.contracts.modes import Mode
from shared.database import Connection


async def list_links(
    db: Connection, workspace: str, mode: Mode, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    """A page by position, and how many there are in all."""
    rows = await db.fetch(
        """
        with page as (
            select link as id from link_entries where workspace = $1 and mode = $2 and not archived
            order by position, created_at, link limit $3 offset $4
        )
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (
            select coalesce(sum(links), 0)::bigint as total
            from (
                select archived, active, links from link_tallies where workspace = $1 and mode = $2 and tag = ''
                union all
                select archived, active, links from link_changes where workspace = $1 and mode = $2 and tag = ''
            ) kinds
            where not archived
        ) counts
        left join (page join links l using (id)) on true
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
        with page as (
            select link as id from link_entries where workspace = $1 and mode = $2 and not archived and active = $3
            order by position, created_at, link limit $4 offset $5
        )
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (
            select coalesce(sum(links), 0)::bigint as total
            from (
                select archived, active, links from link_tallies where workspace = $1 and mode = $2 and tag = ''
                union all
                select archived, active, links from link_changes where workspace = $1 and mode = $2 and tag = ''
            ) kinds
            where not archived and active = $3
        ) counts
        left join (page join links l using (id)) on true
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
        where workspace = $1 and mode = 'live' and active and show_on_profile and not archived
          and (expires_at is null or expires_at > $2) and (max_clicks is null or greatest(claimed, clicks) < max_clicks)
        order by position, created_at, id limit $3
        """,
        workspace,
        now,
        limit,
    )
    return tuple(map(link_of, rows))


async def find_links(
    db: Connection, workspace: str, mode: Mode, destination_url: str, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    rows = await db.fetch(
        """
        with matching as not materialized (
            select id, created_at from links
            where workspace = $1 and mode = $2
              and hashtextextended(destination_url, 0) = hashtextextended($3, 0) and destination_url = $3
        ),
        page as (select id from matching order by created_at desc, id desc limit $4 offset $5)
        select counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from (select count(*) as total from matching) counts
        left join (page join links l using (id)) on true
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
            select tag as name, sum(links)::bigint as links
            from (
                select tag, archived, links from link_tallies where workspace = $1 and mode = $2 and tag > ''
                union all
                select tag, archived, links from link_changes where workspace = $1 and mode = $2 and tag > ''
            ) kinds
            where not archived group by tag having sum(links) > 0
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
