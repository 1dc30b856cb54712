"""The SQL of single links: one function per statement."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from services.links import loops
from services.links.store_rows import json_of, link_of
from shared.contracts.links import CreateLink, Link
from shared.contracts.modes import Mode
from shared.database import Connection


class TakenError(Exception):
    """What is to be unique is so no more; ``field`` is its name. The transaction has to be rolled back."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class NoDomainError(Exception):
    """The domain has been removed this very moment. The transaction has to be rolled back."""


async def insert_link(
    tx: Connection, link_id: str, slug: str, ask: CreateLink, password_hash: str | None
) -> Link | None:
    """None when the slug or the external id is taken, when it leads to a verified domain, or is to be on one that the
    workspace has not. Without a position the link goes after the last one. Raises `NoDomainError`.
    """
    row = await _inserted(
        tx,
        """
        with host as (
            select '' as domain, null as domain_id where $4 = ''
            union all
            select name, id from domains
            where workspace = $2 and mode = $3 and name = $4 and verified_at is not null
        )
        insert into links (
            id, workspace, mode, domain, domain_id, slug, destination_url, title, description, thumbnail, active,
            position, tags, metadata, expires_at, expired_url, password_hash, max_clicks, show_on_profile,
            forward_query, external_id, archived
        )
        select
            $1, $2, $3, domain, domain_id, $5, $6, $7, $8, $9, $10,
            coalesce(
                $11,
                -- least() passes over null, so the first link of all needs its zero inside.
                (
                    select least(coalesce(max(position) + 1, 0), 1000000)
                    from link_entries where workspace = $2 and mode = $3 and not archived
                )
            ),
            $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
        from host
        where not exists (select from domains where name = any($22::text[]) and verified_at is not null)
        on conflict do nothing
        returning id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                  position, tags, metadata, expires_at, expired_url,
                  password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                  external_id, archived, clicks, claimed, created_at, updated_at
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
        json_of(ask.metadata),
        ask.expires_at,
        ask.expired_url,
        password_hash,
        ask.max_clicks,
        ask.show_on_profile,
        ask.forward_query,
        ask.external_id,
        ask.archived,
        loops.hosts_of(ask),
    )
    return link_of(row) if row else None


async def _inserted(tx: Connection, text: str, *values: object) -> asyncpg.Record | None:
    try:
        return await tx.fetchrow(text, *values)
    except asyncpg.ForeignKeyViolationError as error:
        raise NoDomainError from error


async def find_link(db: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and id = $3
        """,
        workspace,
        mode,
        link_id,
    )
    return link_of(row) if row else None


async def list_links_by_id(db: Connection, workspace: str, mode: Mode, link_ids: Sequence[str]) -> tuple[Link, ...]:
    rows = await db.fetch(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and id = any($3) order by id
        """,
        workspace,
        mode,
        link_ids,
    )
    return tuple(map(link_of, rows))


async def find_link_for_update(tx: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    """Keeps everybody else from changing the link until the transaction ends."""
    row = await tx.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and id = $3
        for update
        """,
        workspace,
        mode,
        link_id,
    )
    return link_of(row) if row else None


async def find_link_by_external_id(db: Connection, workspace: str, mode: Mode, external_id: str) -> Link | None:
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and external_id = $3
        """,
        workspace,
        mode,
        external_id,
    )
    return link_of(row) if row else None


async def find_link_by_external_id_for_update(
    tx: Connection, workspace: str, mode: Mode, external_id: str
) -> Link | None:
    row = await tx.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and external_id = $3
        for update
        """,
        workspace,
        mode,
        external_id,
    )
    return link_of(row) if row else None


async def find_link_by_slug(db: Connection, workspace: str, mode: Mode, domain: str, slug: str) -> Link | None:
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               position, tags, metadata, expires_at, expired_url, password_hash is not null as has_password,
               max_clicks, show_on_profile, forward_query, external_id, archived, clicks, claimed, created_at,
               updated_at
        from links where workspace = $1 and mode = $2 and domain = $3 and slug = $4
        """,
        workspace,
        mode,
        domain,
        slug,
    )
    return link_of(row) if row else None


async def lock_links(tx: Connection, workspace: str, mode: Mode, ids: Sequence[str]) -> None:
    """Keeps everybody else from changing these links. Locked in one order, so that nobody waits in a circle."""
    await tx.execute(
        "select from links where workspace = $1 and mode = $2 and id = any($3::text[]) order by id for update",
        workspace,
        mode,
        ids,
    )


async def update_link(
    tx: Connection, link: Link, password_hash: str | None, now: datetime, *, new_password: bool
) -> Link:
    """Writes everything a caller may change; raises `TakenError` when what is unique is taken.

    The password stays as it is unless ``new_password``; then a ``password_hash`` of None takes it away.
    """
    try:
        row = await tx.fetchrow(
            """
            update links
            set slug = $4, destination_url = $5, title = $6, description = $7, thumbnail = $8, active = $9,
                position = $10, tags = $11, metadata = $12, expires_at = $13, expired_url = $14, max_clicks = $15,
                show_on_profile = $16, forward_query = $17, external_id = $18, archived = $19,
                password_hash = case when $20 then $21 else password_hash end,
                -- That a time has come is noted by `lapse`; here it is forgotten when the time has moved on.
                lapsed = coalesce(greatest(claimed, clicks) >= $15, false)
                         or (lapsed and coalesce($13::timestamptz <= $22::timestamptz, false)),
                updated_at = clock_timestamp()
            where workspace = $1 and mode = $2 and id = $3
            returning id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                      position, tags, metadata, expires_at, expired_url,
                      password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                      external_id, archived, clicks, claimed, created_at, updated_at
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
            json_of(link.metadata),
            link.expires_at,
            link.expired_url,
            link.max_clicks,
            link.show_on_profile,
            link.forward_query,
            link.external_id,
            link.archived,
            new_password,
            password_hash,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise TakenError("external_id" if error.constraint_name == "links_external_id" else "slug") from error
    assert row, "a locked link has gone"
    return link_of(row)


async def delete_link(tx: Connection, workspace: str, mode: Mode, link_id: str) -> Link | None:
    """The link as it was; None when there is no such link."""
    row = await tx.fetchrow(
        """
        delete from links where workspace = $1 and mode = $2 and id = $3
        returning id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                  position, tags, metadata, expires_at, expired_url,
                  password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                  external_id, archived, clicks, claimed, created_at, updated_at
        """,
        workspace,
        mode,
        link_id,
    )
    return link_of(row) if row else None
