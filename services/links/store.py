"""The SQL of links: one function per statement."""

from datetime import datetime

import asyncpg
import msgspec

from shared.contracts.links import CreateLink, Link
from shared.contracts.modes import Mode
from shared.database import Connection


async def insert_link(
    tx: Connection, link_id: str, slug: str, ask: CreateLink, password_hash: str | None
) -> Link | None:
    """None when the slug is taken. Without a position the link goes after the last one."""
    row = await tx.fetchrow(
        """
        with added as (
            insert into links (
                id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active, position,
                tags, metadata, expires_at, expired_url, password_hash, max_clicks, show_on_profile, forward_query
            )
            values (
                $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                coalesce(
                    $11,
                    -- least() passes over null, so the first link of all needs its zero inside.
                    (
                        select least(coalesce(max(position) + 1, 0), 1000000)
                        from links where workspace = $2 and mode = $3
                    )
                ),
                $12, $13, $14, $15, $16, $17, $18, $19
            )
            on conflict (domain, slug) do nothing
            returning *
        ),
        counted as (
            insert into link_counts (workspace, mode, shard, active, inactive)
            select workspace, mode, pg_backend_pid() % 16, active::int, (not active)::int from added
            on conflict (workspace, mode, shard) do update
            set active = link_counts.active + excluded.active, inactive = link_counts.inactive + excluded.inactive
        )
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, clicks, created_at, updated_at
        from added
        """,
        link_id,
        ask.workspace,
        ask.mode,
        ask.domain,
        slug,
        ask.destination_url,
        ask.title,
        ask.description,
        ask.thumbnail,
        ask.active,
        ask.position,
        ask.tags,
        _json(ask.metadata),
        ask.expires_at,
        ask.expired_url,
        password_hash,
        ask.max_clicks,
        ask.show_on_profile,
        ask.forward_query,
    )
    return _link(row) if row else None


async def find_link(db: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, clicks, created_at, updated_at
        from links where workspace = $1 and mode = $2 and id = $3
        """,
        workspace,
        mode,
        link_id,
    )
    return _link(row) if row else None


async def find_link_for_update(tx: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    """Keeps everybody else from changing the link until the transaction ends."""
    row = await tx.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, clicks, created_at, updated_at
        from links where workspace = $1 and mode = $2 and id = $3
        for update
        """,
        workspace,
        mode,
        link_id,
    )
    return _link(row) if row else None


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
               l.clicks, l.created_at, l.updated_at
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
    return tuple(_link(row) for row in rows if row["id"]), rows[0]["total"]


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
               l.clicks, l.created_at, l.updated_at
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
    return tuple(_link(row) for row in rows if row["id"]), rows[0]["total"]


async def list_profile_links(db: Connection, workspace: str, now: datetime, limit: int) -> tuple[Link, ...]:
    rows = await db.fetch(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, clicks, created_at, updated_at
        from links
        where workspace = $1 and mode = 'live' and active and show_on_profile
          and (expires_at is null or expires_at > $2) and (max_clicks is null or clicks < max_clicks)
        order by position, created_at, id limit $3
        """,
        workspace,
        now,
        limit,
    )
    return tuple(map(_link, rows))


async def update_link(tx: Connection, link: Link, password_hash: str | None, *, new_password: bool) -> Link | None:
    """Writes everything a caller may change; None when the slug is taken.

    The password stays as it is unless ``new_password``; then a ``password_hash`` of None takes it away.
    """
    try:
        row = await tx.fetchrow(
            """
            update links
            set slug = $4, destination_url = $5, title = $6, description = $7, thumbnail = $8, active = $9,
                position = $10, tags = $11, metadata = $12, expires_at = $13, expired_url = $14, max_clicks = $15,
                show_on_profile = $16, forward_query = $17,
                password_hash = case when $18 then $19 else password_hash end, updated_at = clock_timestamp()
            where workspace = $1 and mode = $2 and id = $3
            returning id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                      position, tags, metadata, expires_at, expired_url,
                      password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                      clicks, created_at, updated_at
            """,
            link.workspace,
            link.mode,
            link.id,
            link.slug,
            link.destination_url,
            link.title,
            link.description,
            link.thumbnail,
            link.active,
            link.position,
            link.tags,
            _json(link.metadata),
            link.expires_at,
            link.expired_url,
            link.max_clicks,
            link.show_on_profile,
            link.forward_query,
            new_password,
            password_hash,
        )
    except asyncpg.UniqueViolationError:
        return None
    return _link(row) if row else None


async def update_counts(tx: Connection, workspace: str, mode: Mode, active: int, inactive: int) -> None:
    """Adds to both counts; a link that changes its state leaves one and joins the other."""
    await tx.execute(
        """
        insert into link_counts (workspace, mode, shard, active, inactive)
        values ($1, $2, pg_backend_pid() % 16, $3, $4)
        on conflict (workspace, mode, shard) do update
        set active = link_counts.active + excluded.active, inactive = link_counts.inactive + excluded.inactive
        """,
        workspace,
        mode,
        active,
        inactive,
    )


async def delete_link(tx: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    """The link as it was; None when there is no such link."""
    row = await tx.fetchrow(
        """
        with removed as (
            delete from links where workspace = $1 and mode = $2 and id = $3
            returning *
        ),
        counted as (
            insert into link_counts (workspace, mode, shard, active, inactive)
            select workspace, mode, pg_backend_pid() % 16, -active::int, -(not active)::int from removed
            on conflict (workspace, mode, shard) do update
            set active = link_counts.active + excluded.active, inactive = link_counts.inactive + excluded.inactive
        )
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, clicks, created_at, updated_at
        from removed
        """,
        workspace,
        mode,
        link_id,
    )
    return _link(row) if row else None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _link(row: asyncpg.Record) -> Link:
    return Link(
        id=row["id"],
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        domain=row["domain"],
        slug=row["slug"],
        destination_url=row["destination_url"],
        title=row["title"],
        description=row["description"],
        thumbnail=row["thumbnail"],
        active=row["active"],
        position=row["position"],
        tags=tuple(row["tags"]),
        metadata=msgspec.json.decode(row["metadata"]),
        expires_at=row["expires_at"],
        expired_url=row["expired_url"],
        has_password=row["has_password"],
        max_clicks=row["max_clicks"],
        show_on_profile=row["show_on_profile"],
        forward_query=row["forward_query"],
        clicks=row["clicks"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
