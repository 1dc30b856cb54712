"""The SQL of accounts: one function per statement."""

import asyncpg

from shared.contracts.accounts import Account, Tier, User, Workspace
from shared.database import Connection


async def insert_user(
    tx: Connection, user_id: str, username: str, email: str, password_hash: str
) -> asyncpg.Record | None:
    """None when the username or the email is taken."""
    return await tx.fetchrow(
        """
        insert into users (id, username, email, password_hash) values ($1, $2, $3, $4)
        on conflict do nothing
        returning id, username, email, created_at
        """,
        user_id,
        username,
        email,
        password_hash,
    )


async def username_taken(tx: Connection, username: str) -> bool:
    return bool(await tx.fetchval("select exists (select from users where lower(username) = lower($1))", username))


async def insert_workspace(tx: Connection, workspace_id: str, name: str, tier: Tier, owner: str) -> Workspace:
    row = await tx.fetchrow(
        """
        insert into workspaces (id, name, tier, owner) values ($1, $2, $3, $4)
        returning id, name, tier, owner, created_at, version
        """,
        workspace_id,
        name,
        tier,
        owner,
    )
    assert row
    return workspace_from(row)


async def update_tier(tx: Connection, workspace: str, tier: Tier) -> Workspace | None:
    row = await tx.fetchrow(
        """
        update workspaces set tier = $2, version = version + 1 where id = $1
        returning id, name, tier, owner, created_at, version
        """,
        workspace,
        tier,
    )
    return workspace_from(row) if row else None


async def find_account_by_username(db: Connection, username: str) -> Account | None:
    row = await db.fetchrow(
        """
        select u.id as user_id, u.username, u.email, u.created_at as user_created_at,
               w.id, w.name, w.tier, w.owner, w.created_at, w.version
        from users u join workspaces w on w.owner = u.id
        where lower(u.username) = lower($1)
        order by w.created_at limit 1
        """,
        username,
    )
    return _account(row) if row else None


async def find_account_by_workspace(db: Connection, workspace: str) -> Account | None:
    row = await db.fetchrow(
        """
        select u.id as user_id, u.username, u.email, u.created_at as user_created_at,
               w.id, w.name, w.tier, w.owner, w.created_at, w.version
        from workspaces w join users u on u.id = w.owner
        where w.id = $1
        """,
        workspace,
    )
    return _account(row) if row else None


def user_from(row: asyncpg.Record) -> User:
    return User(id=row["id"], username=row["username"], email=row["email"], created_at=row["created_at"])


def workspace_from(row: asyncpg.Record) -> Workspace:
    return Workspace(
        id=row["id"],
        name=row["name"],
        tier=Tier(row["tier"]),
        owner=row["owner"],
        created_at=row["created_at"],
        version=row["version"],
    )


def _account(row: asyncpg.Record) -> Account:
    user = User(id=row["user_id"], username=row["username"], email=row["email"], created_at=row["user_created_at"])
    return Account(user=user, workspace=workspace_from(row))
