"""The SQL of keys: one function per statement."""

from datetime import datetime

import asyncpg
import msgspec

from services.keys.plans import PLANS
from shared.contracts.accounts import Tier, Workspace
from shared.contracts.keys import Key, Style, Verdict, Window
from shared.contracts.modes import Mode
from shared.database import Connection


class Stored(msgspec.Struct, frozen=True):
    """A key together with what it is recognised by."""

    key: Key
    digest: bytes
    former_digest: bytes | None


async def insert_plan(tx: Connection, workspace: Workspace) -> bool:
    """False when the workspace has a plan already."""
    return bool(
        await tx.fetchval(
            """
            insert into plans (workspace, tier, version) values ($1, $2, $3)
            on conflict (workspace) do nothing returning true
            """,
            workspace.id,
            workspace.tier,
            workspace.version,
        )
    )


async def update_plan(tx: Connection, workspace: Workspace) -> bool:
    """False when as much, or more recent, is known of the workspace: news may come late and out of order."""
    return bool(
        await tx.fetchval(
            "update plans set tier = $2, version = $3 where workspace = $1 and version < $3 returning true",
            workspace.id,
            workspace.tier,
            workspace.version,
        )
    )


async def lock_plan(tx: Connection, workspace: str) -> None:
    await tx.execute("select from plans where workspace = $1 for update", workspace)


async def count_active_keys(tx: Connection, workspace: str, now: datetime) -> int:
    number = await tx.fetchval(
        """
        select count(*) from keys
        where workspace = $1 and revoked_at is null and (expires_at is null or expires_at > $2)
        """,
        workspace,
        now,
    )
    return int(number)


async def insert_key(tx: Connection, key: Key, digest: bytes) -> None:
    await tx.execute(
        """
        insert into keys (workspace, mode, id, user_id, digest, prefix, last_four, name, description, style, scopes,
                          rate_limit, rate_window, created_at, expires_at, allowlist)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        key.workspace,
        key.mode,
        key.id,
        key.user,
        digest,
        key.prefix,
        key.last_four,
        key.name,
        key.description,
        key.style,
        key.scopes,
        key.limit,
        key.window,
        key.created_at,
        key.expires_at,
        key.allowlist,
    )


async def find_verdict(db: Connection, digest: bytes, now: datetime) -> Verdict | None:
    row = await db.fetchrow(
        """
        select k.id, k.workspace, k.user_id, k.mode, k.scopes, k.rate_limit, k.rate_window, k.allowlist, p.tier,
               case when k.digest = $1 then k.expires_at else least(k.expires_at, k.former_ends_at) end as expires_at
        from keys k join plans p on p.workspace = k.workspace
        where (k.digest = $1 or k.former_digest = $1 and k.former_ends_at > $2)
          and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)
        """,
        digest,
        now,
    )
    return _verdict(row) if row else None


async def find_key(db: Connection, workspace: str | None, key_id: str) -> Key | None:
    row = await db.fetchrow(
        """
        select id, workspace, user_id, name, description, style, mode, scopes, rate_limit, rate_window, prefix,
               last_four, created_at, expires_at, revoked_at, last_used_at, allowlist, rotated_at, former_ends_at
        from keys where ($1::text is null or workspace = $1) and id = $2
        """,
        workspace,
        key_id,
    )
    return _key(row) if row else None


async def list_keys(db: Connection, workspace: str, now: datetime, former: int) -> list[Key]:
    """All active keys, and of the others those among the ``former`` newest keys; newest first."""
    rows = await db.fetch(
        """
        select id, workspace, user_id, name, description, style, mode, scopes, rate_limit, rate_window, prefix,
               last_four, created_at, expires_at, revoked_at, last_used_at, allowlist, rotated_at, former_ends_at
        from keys
        where workspace = $1
          and (revoked_at is null and (expires_at is null or expires_at > $2)
               or id in (select id from keys where workspace = $1 order by created_at desc, id desc limit $3))
        order by created_at desc, id desc
        """,
        workspace,
        now,
        former,
    )
    return [_key(row) for row in rows]


async def update_revoked(tx: Connection, workspace: str | None, key_id: str, now: datetime) -> Stored | None:
    """None when there is no such key, or when it is revoked already."""
    row = await tx.fetchrow(
        """
        update keys set revoked_at = $3
        where ($1::text is null or workspace = $1) and id = $2 and revoked_at is null
        returning id, workspace, user_id, name, description, style, mode, scopes, rate_limit, rate_window, prefix,
                  last_four, created_at, expires_at, revoked_at, last_used_at, allowlist, rotated_at, former_ends_at,
                  digest, former_digest
        """,
        workspace,
        key_id,
        now,
    )
    return _stored(row) if row else None


async def lock_key(tx: Connection, workspace: str | None, key_id: str) -> Stored | None:
    row = await tx.fetchrow(
        """
        select id, workspace, user_id, name, description, style, mode, scopes, rate_limit, rate_window, prefix,
               last_four, created_at, expires_at, revoked_at, last_used_at, allowlist, rotated_at, former_ends_at,
               digest, former_digest
        from keys where ($1::text is null or workspace = $1) and id = $2 for update
        """,
        workspace,
        key_id,
    )
    return _stored(row) if row else None


async def lock_secret(tx: Connection, digest: bytes) -> Stored | None:
    """The key that a secret opens, or opened until the last rotation ended it."""
    row = await tx.fetchrow(
        """
        select id, workspace, user_id, name, description, style, mode, scopes, rate_limit, rate_window, prefix,
               last_four, created_at, expires_at, revoked_at, last_used_at, allowlist, rotated_at, former_ends_at,
               digest, former_digest
        from keys where digest = $1 or former_digest = $1 for update
        """,
        digest,
    )
    return _stored(row) if row else None


async def update_secret(tx: Connection, rotated: Stored) -> None:
    """The key's secret is another one now."""
    key = rotated.key
    await tx.execute(
        """
        update keys set digest = $3, prefix = $4, last_four = $5, rotated_at = $6, former_digest = $7,
                        former_ends_at = $8
        where workspace = $1 and id = $2
        """,
        key.workspace,
        key.id,
        rotated.digest,
        key.prefix,
        key.last_four,
        key.rotated_at,
        rotated.former_digest,
        key.former_ends_at,
    )


def _key(row: asyncpg.Record) -> Key:
    return Key(
        id=row["id"],
        workspace=row["workspace"],
        user=row["user_id"],
        name=row["name"],
        description=row["description"],
        style=Style(row["style"]),
        mode=Mode(row["mode"]),
        scopes=tuple(row["scopes"]),
        limit=row["rate_limit"],
        window=Window(row["rate_window"]),
        prefix=row["prefix"],
        last_four=row["last_four"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        allowlist=tuple(row["allowlist"]),
        rotated_at=row["rotated_at"],
        former_ends_at=row["former_ends_at"],
    )


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(_key(row), row["digest"], row["former_digest"])


def _verdict(row: asyncpg.Record) -> Verdict:
    tier = Tier(row["tier"])
    plan = PLANS[tier]
    own = row["rate_limit"]
    return Verdict(
        key=row["id"],
        workspace=row["workspace"],
        user=row["user_id"],
        mode=Mode(row["mode"]),
        scopes=frozenset(row["scopes"]),
        workspace_limit=plan.requests_per_hour,
        key_limit=plan.requests_per_hour if own is None else own,
        key_window=Window.HOUR if own is None else Window(row["rate_window"]),
        tier=tier,
        expires_at=row["expires_at"],
        allowlist=tuple(row["allowlist"]),
    )
