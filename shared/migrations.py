"""Makes each service's schema and role, and runs its migrations. Only whoever holds the owner's credentials comes here.

Migrations go forward only, each in a transaction of its own, under one lock: of any number of starters at once, one
runs them and the others find them done.

A file that begins with ``-- outside a transaction`` is run statement by statement instead, for what PostgreSQL does in
no transaction (``create index concurrently``). It may be broken off in the middle and is then run again from its
beginning, so each of its statements has to bear that. A statement ends where a line ends with a semicolon.
"""

import asyncio
import logging
from collections.abc import Iterable

import asyncpg

from shared.database import migrations_of

# Any number will do, as long as nobody else uses it for advisory locks in this database.
LOCK = 0x77617970
LOCK_LOOK_SECONDS = 0.05
OUTSIDE = "-- outside a transaction\n"

log = logging.getLogger(__name__)


async def provision(
    owner_url: str, service: str, role_password: str, *, statement_timeout_seconds: float = 5.0
) -> list[str]:
    """Brings a service's schema and role up to date; returns the names of the migrations that were run just now."""
    connection = await asyncpg.connect(owner_url, timeout=10, server_settings={"application_name": "waypost migrate"})
    try:
        # One lock for all services: roles and the rights on the database are shared between them.
        await _lock(connection)
        await _make_role(connection, service, role_password, statement_timeout_seconds)
        return await _migrate(connection, service)
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection) -> None:
    # Whoever waits inside a statement is waited for by `create index concurrently`, and both would wait for ever.
    while True:
        if await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            return
        await asyncio.sleep(LOCK_LOOK_SECONDS)


def role_of(service: str) -> str:
    return f"waypost_{service}"


async def ensure_roles(connection: asyncpg.Connection, services: Iterable[str]) -> None:
    """Makes the services' roles where there are none, without a password: nobody signs in as them yet."""
    for role in map(role_of, services):
        if not await connection.fetchval("select true from pg_roles where rolname = $1", role):
            await connection.execute(f"create role {role} login noinherit nosuperuser nocreatedb nocreaterole")


async def _make_role(connection: asyncpg.Connection, service: str, password: str, statement_timeout: float) -> None:
    role = role_of(service)
    database = await connection.fetchval("select quote_ident(current_database())")
    secret = await connection.fetchval("select quote_literal($1)", password)
    await ensure_roles(connection, [service])
    await connection.execute(f"""
        alter role {role} password {secret};
        alter role {role} set search_path = {service};
        alter role {role} set statement_timeout = '{int(statement_timeout * 1000)}ms';
        alter role {role} set lock_timeout = '2s';
        alter role {role} set idle_in_transaction_session_timeout = '10s';
        -- Statements are short: to compile one takes longer than to run it.
        alter role {role} set jit = off;
        revoke all on database {database} from public;
        revoke all on schema public from public;
        grant connect on database {database} to {role};
        create schema if not exists {service};
        revoke all on schema {service} from public;
        grant usage on schema {service} to {role};
        alter default privileges in schema {service} grant select, insert, update, delete on tables to {role};
        alter default privileges in schema {service} grant usage on sequences to {role};
        alter default privileges in schema {service} revoke execute on functions from public;
        alter default privileges in schema {service} grant execute on functions to {role};
    """)


async def _migrate(connection: asyncpg.Connection, service: str) -> list[str]:
    await connection.execute(f"set search_path = {service}")
    await connection.execute(
        "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())"
    )
    # The service only reads what has been done to its schema.
    await connection.execute(f"revoke insert, update, delete on migrations from {role_of(service)}")
    done = {row["name"] for row in await connection.fetch("select name from migrations")}
    applied = []
    for path in migrations_of(service):
        if path.stem in done:
            continue
        await _run(connection, path.read_text(encoding="utf-8"), path.stem)
        log.info("Migrated %s: %s", service, path.stem)
        applied.append(path.stem)
    return applied


async def _run(connection: asyncpg.Connection, text: str, name: str) -> None:
    if text.startswith(OUTSIDE):
        for statement in text.removesuffix(";\n").split(";\n"):
            await connection.execute(statement)
        await connection.execute("insert into migrations (name) values ($1)", name)
        return
    async with connection.transaction():
        await connection.execute(text)
        await connection.execute("insert into migrations (name) values ($1)", name)
