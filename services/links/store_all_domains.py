"""The SQL of domains, whosever they are: one function per statement."""

from collections.abc import Collection

from services.links.store_domains import domain_of
from shared.contracts.links.domains import Domain, DomainStatus, Host
from shared.database import Connection


async def find_domains(
    db: Connection, workspace: str | None, name: str | None, before: str | None, limit: int
) -> tuple[Domain, ...]:
    """Of all workspaces and modes, newest first."""
    rows = await db.fetch(
        """
        select id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at, created_at,
               updated_at
        from domains
        where ($1::text is null or workspace = $1) and ($2::text is null or name = $2)
          and ($3::text is null or id < $3)
        order by id desc limit $4
        """,
        workspace,
        name,
        before,
        limit,
    )
    return tuple(domain_of(row) for row in rows)


async def lock_verified(tx: Connection, name: str) -> Domain | None:
    """Nobody changes it, nor puts a new link on it, until the transaction ends."""
    row = await tx.fetchrow(
        """
        select id, workspace, mode, name, token, root_url, not_found_url, problem, checked_at, verified_at, created_at,
               updated_at
        from domains where name = $1 and verified_at is not null
        for update
        """,
        name,
    )
    return domain_of(row) if row else None


async def count_by_status(db: Connection) -> dict[DomainStatus, int]:
    (row,) = await db.fetch(
        """
        select count(*) filter (where verified_at is null) as pending,
               count(*) filter (where verified_at is not null) as verified
        from domains
        """
    )
    return {status: row[status.value] for status in DomainStatus}


async def list_verified(db: Connection, names: Collection[str]) -> set[str]:
    """Those of the names that are verified domains."""
    rows = await db.fetch(
        "select name from domains where name = any($1::text[]) and verified_at is not null", list(names)
    )
    return {row["name"] for row in rows}


async def find_host(db: Connection, name: str) -> Host | None:
    row = await db.fetchrow(
        "select name, root_url, not_found_url from domains where name = $1 and verified_at is not null", name
    )
    return Host(domain=row["name"], root_url=row["root_url"], not_found_url=row["not_found_url"]) if row else None
