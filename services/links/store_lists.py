"""The SQL of lists of links: one function per statement."""

from collections.abc import Sequence
from datetime import datetime

from services.links.store_rows import link_of
from shared.contracts.links import Link, LinkPage, ListLinks, Tag
from shared.contracts.modes import Mode
from shared.database import Connection


async def list_links(db: Connection, asked: Sequence[ListLinks]) -> list[LinkPage]:
    """For each question its page by position, and how many there are in all; the state is not looked at."""
    rows = await db.fetch(
        # Behind `select` the arrays have no known length, so one plan does for however many are asked at once.
        """
        select asked.place, counts.total,
               l.id, l.workspace, l.mode, l.domain, l.slug, l.destination_url, l.title, l.description,
               l.thumbnail, l.active, l.position, l.tags, l.metadata, l.expires_at, l.expired_url,
               l.password_hash is not null as has_password, l.max_clicks, l.show_on_profile, l.forward_query,
               l.external_id, l.archived, l.clicks, l.claimed, l.created_at, l.updated_at
        from unnest((select $1::text[]), (select $2::text[]), (select $3::bigint[]), (select $4::bigint[]))
             with ordinality as asked (workspace, mode, most, passed_over, place)
        cross join lateral (
            select coalesce(sum(links), 0)::bigint as total
            from (
                select archived, links from link_tallies
                where workspace = asked.workspace and mode = asked.mode and tag = ''
                union all
                select archived, links from link_changes
                where workspace = asked.workspace and mode = asked.mode and tag = ''
            ) kinds
            where not archived
        ) counts
        left join lateral (
            select link as id from link_entries
            where workspace = asked.workspace and mode = asked.mode and not archived
            order by position, created_at, link limit asked.most offset asked.passed_over
        ) page on true
        -- Looked up one by one, for which `offset` stands: without knowing how long the page is, the planner would
        -- rather merge it with all links there are.
        left join lateral (select * from links where links.id = page.id offset 0) l on true
        order by asked.place, l.position, l.created_at, l.id
        """,
        [ask.workspace for ask in asked],
        [ask.mode for ask in asked],
        [ask.limit for ask in asked],
        [ask.offset for ask in asked],
    )
    links: list[list[Link]] = [[] for _ in asked]
    totals = [0] * len(asked)
    for row in rows:
        place = row["place"] - 1
        totals[place] = row["total"]
        if row["id"]:
            links[place].append(link_of(row))
    return [LinkPage(links=tuple(found), total=total) for found, total in zip(links, totals, strict=True)]


async def list_links_by_state(
    db: Connection, workspace: str, mode: Mode, active: bool, limit: int, offset: int
) -> tuple[tuple[Link, ...], int]:
    """The page of one state, and how many there are. A statement of its own, because it needs an index of its own."""
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


async def count_links(db: Connection, workspace: str, mode: Mode, active: bool | None) -> int:
    total: int = await db.fetchval(
        """
        select coalesce(sum(links), 0)::bigint from (
            select archived, active, links from link_tallies where workspace = $1 and mode = $2 and tag = ''
            union all
            select archived, active, links from link_changes where workspace = $1 and mode = $2 and tag = ''
        ) kinds
        where not archived and ($3::bool is null or active = $3)
        """,
        workspace,
        mode,
        active,
    )
    return total


async def list_far_links(
    db: Connection, workspace: str, mode: Mode, active: bool | None, position: int, limit: int, passed_over: int
) -> tuple[tuple[Link, ...], int]:
    """The page after those ``passed_over`` that have at least this ``position``, and how many there are in all."""
    rows = await db.fetch(
        """
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
            where not archived and ($3::bool is null or active = $3)
        ) counts
        left join lateral (
            select link as id from link_entries
            where workspace = $1 and mode = $2 and not archived and ($3::bool is null or active = $3)
              and position >= $4
            order by position, created_at, link limit $5 offset $6
        ) page on true
        -- Looked up one by one, as in `list_links`.
        left join lateral (select * from links where links.id = page.id offset 0) l on true
        order by l.position, l.created_at, l.id
        """,
        workspace,
        mode,
        active,
        position,
        limit,
        passed_over,
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
