"""The SQL of endpoints: one function per statement.

Whoever needs several locks takes them in this order: the workspace, then deliveries, then the states of endpoints (each
by its endpoint), then endpoints. New deliveries may be made while the states are held.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from shared.contracts.modes import Mode
from shared.contracts.webhooks import CLICK_TOPICS, EVERYTHING, Endpoint, Filter, Reason
from shared.database import Connection


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an endpoint and not shown."""

    headers: bytes
    secret: bytes
    former_secret: bytes | None = None


class Stored(msgspec.Struct, frozen=True):
    endpoint: Endpoint
    sealed: Sealed


async def lock_workspace(tx: Connection, workspace: str, mode: Mode) -> None:
    """Nobody else adds, changes or takes away its endpoints until the transaction ends."""
    await tx.execute(
        """
        insert into workspaces as kept (workspace, mode) values ($1, $2)
        on conflict (workspace, mode) do update set version = kept.version
        """,
        workspace,
        mode,
    )


async def update_clicks_wanted(tx: Connection, workspace: str, mode: Mode) -> tuple[bool, int] | None:
    """Whether clicks are wanted now, and the number of this word; None when nothing has changed."""
    row = await tx.fetchrow(
        """
        update workspaces w set clicks_wanted = not clicks_wanted, version = version + 1
        where workspace = $1 and mode = $2
          and clicks_wanted is distinct from exists (
              select from endpoints where workspace = $1 and mode = $2 and enabled and topics && $3
          )
        returning clicks_wanted, version
        """,
        workspace,
        mode,
        [*CLICK_TOPICS, EVERYTHING],
    )
    return (row["clicks_wanted"], row["version"]) if row else None


async def list_misjudged_workspaces(db: Connection, most: int) -> list[tuple[str, Mode]]:
    """Where what is known of wanting clicks is not what `update_clicks_wanted` would say now."""
    rows = await db.fetch(
        """
        select workspace, mode from workspaces w
        where clicks_wanted is distinct from exists (
            select from endpoints e
            where e.workspace = w.workspace and e.mode = w.mode and e.enabled and e.topics && $1
        )
        limit $2
        """,
        [*CLICK_TOPICS, EVERYTHING],
        most,
    )
    return [(row["workspace"], Mode(row["mode"])) for row in rows]


async def count_endpoints(tx: Connection, workspace: str, mode: Mode) -> int:
    number: int = await tx.fetchval(
        "select count(*) from endpoints where workspace = $1 and mode = $2", workspace, mode
    )
    return number


async def insert_endpoint(tx: Connection, endpoint: Endpoint, sealed: Sealed) -> None:
    await tx.execute(
        """
        with made as (
            insert into endpoints (id, workspace, mode, url, description, topics, links, tags, domains, headers,
                                   header_names, batch, enabled, reason, disabled_at, secret, secret_hint, created_at,
                                   updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
            returning id
        )
        insert into endpoint_states (endpoint) select id from made
        """,
        endpoint.id,
        endpoint.workspace,
        endpoint.mode,
        endpoint.url,
        endpoint.description,
        endpoint.topics,
        endpoint.filter.links,
        endpoint.filter.tags,
        endpoint.filter.domains,
        sealed.headers,
        endpoint.header_names,
        endpoint.batch,
        endpoint.enabled,
        endpoint.reason,
        endpoint.disabled_at,
        sealed.secret,
        endpoint.secret_hint,
        endpoint.created_at,
    )


async def find_endpoint(db: Connection, workspace: str, mode: Mode, endpoint_id: str) -> Endpoint | None:
    row = await db.fetchrow(
        """
        select e.id, workspace, mode, url, description, topics, links, tags, domains, header_names, batch, enabled,
               reason, disabled_at, secret_hint, former_ends_at, rotated_at, created_at, updated_at,
               last_success_at, last_failure_at, failures, waiting, dropped
        from endpoints e join endpoint_states s on s.endpoint = e.id
        where workspace = $1 and mode = $2 and e.id = $3
        """,
        workspace,
        mode,
        endpoint_id,
    )
    return endpoint_of(row) if row else None


async def lock_endpoint(tx: Connection, workspace: str, mode: Mode, endpoint_id: str) -> Stored | None:
    """With what is sealed of it. The workspace is locked already."""
    row = await tx.fetchrow(
        """
        with state as materialized (
            select endpoint, last_success_at, last_failure_at, failures, waiting, dropped
            from endpoint_states where endpoint = $3 for update
        )
        select e.id, workspace, mode, url, description, topics, links, tags, domains, header_names, batch, enabled,
               reason, disabled_at, secret_hint, former_ends_at, rotated_at, created_at, updated_at,
               last_success_at, last_failure_at, failures, waiting, dropped, headers, secret, former_secret
        from state s join endpoints e on e.id = s.endpoint
        where workspace = $1 and mode = $2 and e.id = $3
        for update of e
        """,
        workspace,
        mode,
        endpoint_id,
    )
    if row is None:
        return None
    return Stored(
        endpoint_of(row),
        Sealed(headers=row["headers"], secret=row["secret"], former_secret=row["former_secret"]),
    )


async def list_endpoints(
    db: Connection, workspace: str, mode: Mode, limit: int, offset: int
) -> tuple[tuple[Endpoint, ...], int]:
    """Newest first, and how many there are in all."""
    rows = await db.fetch(
        """
        select counts.total, e.*, last_success_at, last_failure_at, failures, waiting, dropped
        from (select count(*) as total from endpoints where workspace = $1 and mode = $2) counts
        left join lateral (
            select id, workspace, mode, url, description, topics, links, tags, domains, header_names, batch, enabled,
                   reason, disabled_at, secret_hint, former_ends_at, rotated_at, created_at, updated_at
            from endpoints where workspace = $1 and mode = $2 order by id desc limit $3 offset $4
        ) e on true
        left join endpoint_states s on s.endpoint = e.id
        order by e.id desc
        """,
        workspace,
        mode,
        limit,
        offset,
    )
    return tuple(endpoint_of(row) for row in rows if row["id"]), rows[0]["total"]


async def list_workspace_endpoints(tx: Connection, places: Sequence[tuple[str, Mode]]) -> list[Endpoint]:
    """Those of the given workspaces that are enabled, in the order in which their states are to be locked."""
    rows = await tx.fetch(
        """
        select e.id, workspace, mode, url, description, topics, links, tags, domains, header_names, batch, enabled,
               reason, disabled_at, secret_hint, former_ends_at, rotated_at, created_at, updated_at,
               last_success_at, last_failure_at, failures, waiting, dropped
        from unnest($1::text[], $2::text[]) as asked (workspace, mode)
        join endpoints e using (workspace, mode) join endpoint_states s on s.endpoint = e.id
        where enabled
        order by e.id
        """,
        [workspace for workspace, _ in places],
        [mode for _, mode in places],
    )
    return list(map(endpoint_of, rows))


async def update_endpoint(tx: Connection, endpoint: Endpoint, sealed: Sealed) -> None:
    await tx.execute(
        """
        update endpoints
        set url = $4, description = $5, topics = $6, links = $7, tags = $8, domains = $9, headers = $10,
            header_names = $11, batch = $12, enabled = $13, reason = $14, disabled_at = $15, secret = $16,
            secret_hint = $17, former_secret = $18, former_ends_at = $19, rotated_at = $20, updated_at = $21
        where workspace = $1 and mode = $2 and id = $3
        """,
        endpoint.workspace,
        endpoint.mode,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        endpoint.topics,
        endpoint.filter.links,
        endpoint.filter.tags,
        endpoint.filter.domains,
        sealed.headers,
        endpoint.header_names,
        endpoint.batch,
        endpoint.enabled,
        endpoint.reason,
        endpoint.disabled_at,
        sealed.secret,
        endpoint.secret_hint,
        sealed.former_secret,
        endpoint.former_ends_at,
        endpoint.rotated_at,
        endpoint.updated_at,
    )


async def forget_failures(tx: Connection, endpoint_id: str, now: datetime) -> None:
    """Of one that has been enabled: what has waited meanwhile is looked at from ``now`` on."""
    await tx.execute(
        """
        update endpoint_states set failures = 0, failing_since = null, paused_until = null, due_at = $2
        where endpoint = $1
        """,
        endpoint_id,
        now,
    )


async def delete_endpoint(tx: Connection, workspace: str, mode: Mode, endpoint_id: str, now: datetime) -> bool:
    """Its deliveries go later. False when there is no such endpoint. The endpoint is locked already."""
    return bool(
        await tx.fetchval(
            """
            with gone as (delete from endpoints where workspace = $1 and mode = $2 and id = $3 returning id)
            insert into dead_endpoints (endpoint, deleted_at) select id, $4 from gone returning true
            """,
            workspace,
            mode,
            endpoint_id,
            now,
        )
    )


def endpoint_of(row: asyncpg.Record) -> Endpoint:
    return Endpoint(
        id=row["id"],
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        url=row["url"],
        description=row["description"],
        topics=tuple(row["topics"]),
        filter=Filter(links=tuple(row["links"]), tags=tuple(row["tags"]), domains=tuple(row["domains"])),
        header_names=tuple(row["header_names"]),
        batch=row["batch"],
        enabled=row["enabled"],
        reason=None if row["reason"] is None else Reason(row["reason"]),
        disabled_at=row["disabled_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        secret_hint=row["secret_hint"],
        rotated_at=row["rotated_at"],
        former_ends_at=row["former_ends_at"],
        last_success_at=row["last_success_at"],
        last_failure_at=row["last_failure_at"],
        failures=row["failures"],
        waiting=row["waiting"],
        dropped=row["dropped"],
    )
