"""The SQL of links that are made together."""

from collections.abc import Sequence

import msgspec

from services.links import loops
from services.links.store_rows import json_of, link_of
from shared.contracts.links import CreateLink, Link
from shared.database import Connection


class NewRow(msgspec.Struct, frozen=True):
    """A link that is to be, once it has a short code."""

    id: str
    ask: CreateLink
    password_hash: str | None


async def insert_links(tx: Connection, rows: Sequence[tuple[NewRow, str]]) -> dict[str, Link]:
    """Each with its slug, by their ids; without those whose slug is taken or that lead to a verified domain. They are
    on our own host. What they have in common is done once.

    Without a position, links go after the last one that was there before, in the order of their ids.
    """
    hosts = [loops.hosts_of(row.ask) for row, _ in rows]
    made = await tx.fetch(
        # One parameter for all of it: arrays of arrays, as tags would be, must all be of the same length.
        """
        insert into links (
            id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active, position,
            tags, metadata, expires_at, expired_url, password_hash, max_clicks, show_on_profile, forward_query,
            external_id, archived
        )
        select id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
               coalesce(
                   position,
                   least(
                       (
                           select coalesce(max(entry.position), -1)
                           from link_entries entry
                           where entry.workspace = given.workspace and entry.mode = given.mode and not entry.archived
                       )
                       + row_number() over (partition by workspace, mode, position is null order by id),
                       1000000
                   )
               ),
               tags, metadata::json, expires_at, expired_url, password_hash, max_clicks, show_on_profile,
               forward_query, external_id, archived
        from json_to_recordset($1::json) as given (
            id text, workspace text, mode text, domain text, slug text, destination_url text, title text,
            description text, thumbnail text, active boolean, position integer, tags text[], metadata text,
            expires_at timestamptz, expired_url text, password_hash text, max_clicks bigint, show_on_profile boolean,
            forward_query boolean, external_id text, archived boolean, hosts text[]
        )
        where not hosts && array(select name from domains where name = any($2::text[]) and verified_at is not null)
        on conflict do nothing
        returning id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                  position, tags, metadata, expires_at, expired_url,
                  password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                  external_id, archived, clicks, claimed, created_at, updated_at
        """,
        json_of([_columns(row, slug) | {"hosts": each} for (row, slug), each in zip(rows, hosts, strict=True)]),
        list({host for each in hosts for host in each}),
    )
    return {row["id"]: link_of(row) for row in made}


def _columns(row: NewRow, slug: str) -> dict[str, object]:
    ask = row.ask
    return {
        "id": row.id,
        "workspace": ask.workspace,
        "mode": ask.mode,
        "domain": ask.domain,
        "slug": slug,
        "destination_url": ask.destination_url,
        "title": ask.title,
        "description": ask.description,
        "thumbnail": ask.thumbnail,
        "active": ask.active,
        "position": ask.position,
        "tags": ask.tags,
        # As a text, whose \u0000 is not looked at.
        "metadata": json_of(ask.metadata),
        "expires_at": ask.expires_at,
        "expired_url": ask.expired_url,
        "password_hash": row.password_hash,
        "max_clicks": ask.max_clicks,
        "show_on_profile": ask.show_on_profile,
        "forward_query": ask.forward_query,
        "external_id": ask.external_id,
        "archived": ask.archived,
    }
