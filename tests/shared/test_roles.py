"""Each service's role reaches its own schema and nothing else."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared.contracts import SERVICES
from shared.migrations import role_of
from tests.shared.stage import Stage

PAIRS = list(itertools.permutations(SERVICES, 2))
VERBS = {
    "read": "select * from {table} limit 1",
    "write": "insert into {table} default values",
    "change": "update {table} set name = name",
    "delete": "delete from {table}",
    "empty": "truncate {table}",
    "drop": "drop table {table}",
}


@asynccontextmanager
async def logged_in(stage: Stage, service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stage.world.database_url(service))
    try:
        yield connection
    finally:
        await connection.close()


async def refused(connection: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await connection.execute(statement)
    assert caught.value.sqlstate == "42501", statement


@pytest.mark.parametrize(("service", "other"), PAIRS, ids=[f"{service}-{other}" for service, other in PAIRS])
async def test_a_service_cannot_touch_anything_of_another(stage: Stage, service: str, other: str) -> None:
    async with stage.owner() as owner:
        tables = await owner.fetch("select tablename from pg_tables where schemaname = $1", other)
    assert tables
    async with logged_in(stage, service) as connection:
        for table in tables:
            for statement in VERBS.values():
                await refused(connection, statement.format(table=f'{other}."{table["tablename"]}"'))
        await refused(connection, f"create table {other}.mine (id int)")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_make_anything_outside_or_inside_its_schema(stage: Stage, service: str) -> None:
    async with logged_in(stage, service) as connection:
        for statement in (
            "create table public.mine (id int)",
            f"create table {service}.mine (id int)",
            "create table mine (id int)",
            "create temporary table mine (id int)",
            f"create function {service}.mine() returns int language sql as 'select 1'",
            "create schema mine",
            "create role mine",
            f"create role mine in role {role_of(service)}",
            "create database mine",
            f"alter table {service}.outbox add column mine int",
            f"drop table {service}.outbox",
            "select * from pg_authid",
            "select pg_read_file('/etc/passwd')",
            "copy (select 1) to program 'true'",
            f"alter role {role_of(service)} superuser",
            "delete from migrations",
            "insert into migrations (name) values ('9999_mine')",
        ):
            await refused(connection, statement)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_owns_nothing_and_is_nothing_special(stage: Stage, service: str) -> None:
    async with stage.owner() as owner:
        role = await owner.fetchrow("select * from pg_roles where rolname = $1", role_of(service))
        owned = await owner.fetchval(
            """
            select count(*) from pg_class c, pg_roles r where r.rolname = $1 and c.relowner = r.oid
            """,
            role_of(service),
        )
        memberships = await owner.fetchval(
            "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = $1",
            role_of(service),
        )
    assert role
    assert role["rolcanlogin"]
    assert not any(role[f"rol{right}"] for right in ("super", "createdb", "createrole", "replication", "bypassrls"))
    assert (owned, memberships) == (0, 0)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_works_with_the_rows_of_its_own_tables(stage: Stage, service: str) -> None:
    async with logged_in(stage, service) as connection:
        assert await connection.fetchval("show search_path") == service
        await connection.execute("insert into outbox (event_id, subject, payload) values ('1', 'events.try', '')")
        assert await connection.fetchval("select count(*) from outbox") == 1
        await connection.execute("update outbox set event_id = '2'")
        await connection.execute("delete from outbox")
        assert await connection.fetch("select name from migrations")
