"""The SQL of domains: one function per statement."""

from datetime import datetime

import asyncpg

from shared.contracts.links.domains import Domain
from shared.contracts.modes import Mode
from shared.database import Connection


class VerifiedElsewhereError(Exception):
    """Somebody else has the domain. The transaction has to be rolled back."""


async def lock_workspace(tx: Connection, workspace: str, mode: Mode) -> None:
    """Nobody else claims a domain for it until the transaction ends."""
    await tx.execute(
        "select pg_advisory_xact_lock('domains'::regclass::oid::integer, hashtext($1 || ' ' || $2))", workspace, mode
    )


async def count_domains(tx: Connection, workspace: str, mode: Mode) -> int:
    number: int = await tx.fetchval("select count(*) from domains where workspace = $1 and mode = $2", workspace, mode)
    return number


async def insert_domain(tx: Connection, domain: Domain, next_look_at: datetime) -> bool:
    """False when the workspace has claimed this name already."""
    return bool(
        await tx.fetchval(
            """
            insert into domains (
                id, workspace, mode, name, token, root_url, not_found_url, next_look_at, created_at, updated_at
            )
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
            on conflict (workspace, mode, name) do nothing
            returning true
            """,
            domain.id,
            domain.workspace,
            domain.mode,
            domain.name,
            domain.token,
            domain.root_url,
            domain.not_found_url,
            next_look_at,
            domain.created_at,
        )
    )


async def find_domain(db: Connection, workspace: str, mode: Mode, domain_id: str) -> Domain | None:
    row = await db.fetchrow(
        """
        select id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at, created_at,
               updated_at
        from domains where workspace = $1 and mode = $2 and id = $3
        """,
        workspace,
        mode,
        domain_id,
    )
    return domain_of(row) if row else None


async def lock_domain(tx: Connection, workspace: str, mode: Mode, domain_id: str) -> Domain | None:
    """Nobody changes it, nor puts a new link on it, until the transaction ends."""
    row = await tx.fetchrow(
        """
        select id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at, created_at,
               updated_at
        from domains where workspace = $1 and mode = $2 and id = $3
        for update
        """,
        workspace,
        mode,
        domain_id,
    )
    return domain_of(row) if row else None


async def list_domains(
    db: Connection, workspace: str, mode: Mode, limit: int, offset: int
) -> tuple[tuple[Domain, ...], int]:
    """Newest first, and how many there are in all."""
    rows = await db.fetch(
        """
        select counts.total, page.*
        from (select count(*) as total from domains where workspace = $1 and mode = $2) counts
        left join lateral (
            select id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at,
                   created_at, updated_at
            from domains where workspace = $1 and mode = $2 order by id desc limit $3 offset $4
        ) page on true
        order by page.id desc
        """,
        workspace,
        mode,
        limit,
        offset,
    )
    return tuple(domain_of(row) for row in rows if row["id"]), rows[0]["total"]


async def update_domain(
    tx: Connection,
    workspace: str,
    mode: Mode,
    domain_id: str,
    root_url: str | None,
    not_found_url: str | None,
    now: datetime,
) -> Domain | None:
    row = await tx.fetchrow(
        """
        update domains set root_url = $4, not_found_url = $5, updated_at = $6
        where workspace = $1 and mode = $2 and id = $3
        returning id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at,
                  created_at, updated_at
        """,
        workspace,
        mode,
        domain_id,
        root_url,
        not_found_url,
        now,
    )
    return domain_of(row) if row else None


async def verify_domain(tx: Connection, workspace: str, mode: Mode, domain_id: str, now: datetime) -> Domain | None:
    """None when it is verified already, or gone; raises `VerifiedElsewhereError`."""
    try:
        row = await tx.fetchrow(
            """
            update domains
            set verified_at = $4, checked_at = $4, updated_at = $4, problem = null, next_look_at = null
            where workspace = $1 and mode = $2 and id = $3 and verified_at is null
            returning id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at,
                      created_at, updated_at
            """,
            workspace,
            mode,
            domain_id,
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise VerifiedElsewhereError from error
    return domain_of(row) if row else None


async def note_problem(
    tx: Connection, workspace: str, mode: Mode, domain_id: str, problem: str, now: datetime
) -> Domain | None:
    """None when it is gone. One that has been verified in the meantime stays so."""
    row = await tx.fetchrow(
        """
        update domains
        set problem = case when verified_at is null then $4 end, checked_at = greatest(checked_at, $5)
        where workspace = $1 and mode = $2 and id = $3
        returning id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at,
                  created_at, updated_at
        """,
        workspace,
        mode,
        domain_id,
        problem,
        now,
    )
    return domain_of(row) if row else None


async def delete_domain(tx: Connection, workspace: str, mode: Mode, domain_id: str) -> None:
    """It is locked, and no link is on it."""
    await tx.execute("delete from domains where workspace = $1 and mode = $2 and id = $3", workspace, mode, domain_id)


async def list_links(tx: Connection, domain: Domain, most: int) -> list[str]:
    """The ids of some links on it, no more than ``most``."""
    rows = await tx.fetch(
        "select id from links where workspace = $1 and mode = $2 and domain = $3 and domain_id = $4 limit $5",
        domain.workspace,
        domain.mode,
        domain.name,
        domain.id,
        most,
    )
    return [row["id"] for row in rows]


async def count_links(tx: Connection, domain: Domain, most: int) -> int:
    """How many links are on it; no more than ``most`` are counted."""
    number: int = await tx.fetchval(
        """
        select count(*) from (
            select from links where workspace = $1 and mode = $2 and domain = $3 and domain_id = $4 limit $5
        ) counted
        """,
        domain.workspace,
        domain.mode,
        domain.name,
        domain.id,
        most,
    )
    return number


async def has_verified(db: Connection, workspace: str, mode: Mode, name: str) -> bool:
    """Whether links of a workspace can be on this domain."""
    known: bool = await db.fetchval(
        """
        select exists (
            select from domains where workspace = $1 and mode = $2 and name = $3 and verified_at is not null
        )
        """,
        workspace,
        mode,
        name,
    )
    return known


async def take_due(
    tx: Connection, now: datetime, limit: int, shortest: float, longest: float, youngest: datetime
) -> list[Domain]:
    """The domains that are to be looked at now. When they are the next time is written down at once, so that no other
    copy takes them and none is forgotten: after half their age, between ``shortest`` and ``longest`` (seconds), and
    never again for one that was claimed before ``youngest``."""
    rows = await tx.fetch(
        """
        with due as (
            select id from domains where next_look_at <= $1 order by next_look_at limit $2 for update skip locked
        )
        update domains d
        set next_look_at = case when created_at > $5 then
                $1 + make_interval(secs => least(greatest(extract(epoch from $1 - created_at) / 2, $3), $4))
            end
        from due where d.id = due.id
        returning d.id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at,
                  created_at, updated_at
        """,
        now,
        limit,
        shortest,
        longest,
        youngest,
    )
    return [domain_of(row) for row in rows]


def domain_of(row: asyncpg.Record) -> Domain:
    return Domain(
        id=row["id"],
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        name=row["name"],
        token=row["token"],
        root_url=row["root_url"],
        not_found_url=row["not_found_url"],
        problem=row["problem"],
        checked_at=row["checked_at"],
        verified_at=row["verified_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
