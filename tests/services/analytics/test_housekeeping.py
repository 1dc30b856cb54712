"""The clock is moved to the beginning of the century, so that nothing of the other tests is old enough to go."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.analytics.housekeeping import tidy
from shared import database as databases
from shared import ids
from shared.database import Database
from shared.settings import Settings
from tests.services.analytics.visits import batch, rows, send, until_drained, visit
from tests.world import World

NOW = datetime(2001, 5, 10, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(world: World) -> Settings:
    return world.settings(database_url=world.database_url("analytics"), housekeeping_rows=2)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """As the service itself sees it, without a right to make or drop tables."""
    async with databases.connect(settings, "analytics") as connected:
        yield connected


async def partitions(world: World) -> list[str]:
    """Those of the year 2001."""
    found = await rows(
        world,
        """
        select relname from pg_inherits join pg_class c on c.oid = inhrelid
        where inhparent = 'analytics.visits'::regclass and relname like 'visits\\_2001%' order by relname
        """,
    )
    return [row["relname"] for row in found]


async def places(world: World, workspace: str) -> list[str]:
    """The tables in which the raw visits of a workspace are, in the order of time."""
    query = "select tableoid::regclass::text as place from analytics.visits where workspace = $1 order by at"
    return [row["place"].removeprefix("analytics.") for row in await rows(world, query, workspace)]


async def test_partitions_are_made_ahead_take_over_their_visits_and_are_dropped_in_time(
    world: World, settings: Settings, database: Database
) -> None:
    workspace = ids.new()
    days = [NOW + timedelta(days=ahead) for ahead in (-200, 0, 3, 4)]
    await send(world, batch(visit(workspace, ids.new(), at=day) for day in days for _ in range(3)))
    await until_drained(world)
    assert await places(world, workspace) == ["visits_default"] * 12

    await tidy(database, settings, NOW)
    assert await partitions(world) == ["visits_20010510", "visits_20010511", "visits_20010512", "visits_20010513"]
    # What is older than agreed has gone, and what lies too far ahead still has no day.
    today, ahead = ["visits_20010510"] * 3, ["visits_20010513"] * 3
    assert await places(world, workspace) == [*today, *ahead, *["visits_default"] * 3]

    await tidy(database, settings, NOW + timedelta(days=settings.clicks_keep_days))
    assert "visits_20010510" in await partitions(world)
    await tidy(database, settings, NOW + timedelta(days=settings.clicks_keep_days + 1))
    assert await places(world, workspace) == [*ahead, *["visits_default"] * 3]
    await tidy(database, settings, NOW + timedelta(days=2 * settings.clicks_keep_days))
    assert await places(world, workspace) == []
    await tidy(database, settings, NOW + timedelta(days=400))
    await _drop_all(world)


async def test_batches_are_forgotten_in_time(world: World, settings: Settings, database: Database) -> None:
    ages = [settings.batches_keep_days - 1, *[settings.batches_keep_days + 1] * 5]
    known = [ids.new() for _ in ages]
    owner = await world.connect()
    for batch_id, age in zip(known, ages, strict=True):
        await owner.execute(
            "insert into analytics.batches (id, stored_at) values ($1, $2)", batch_id, NOW - timedelta(days=age)
        )
    await tidy(database, settings, NOW)
    left = await owner.fetch("select id from analytics.batches where id = any($1)", known)
    await owner.execute("delete from analytics.batches where id = any($1)", known)
    await owner.close()
    assert [row["id"] for row in left] == known[:1]
    await _drop_all(world)


async def test_who_came_is_forgotten_soon_after_the_day_is_over(
    world: World, settings: Settings, database: Database
) -> None:
    workspace = ids.new()
    kept, gone = (
        NOW - timedelta(days=settings.visitors_keep_days),
        NOW - timedelta(days=settings.visitors_keep_days + 1),
    )
    people = [(day, link, f"{number}") for day in (kept, gone) for link in "AB" for number in range(3)]
    await send(world, batch(visit(workspace, link, at=day, visitor=who) for day, link, who in people))
    await until_drained(world)
    await tidy(database, settings, NOW)
    for table in ("visitors", "visitor_links"):
        left = await rows(world, f"select day from analytics.{table} where workspace = $1", workspace)
        assert [row["day"] for row in left] == [kept.date()] * 3
    await tidy(database, settings, NOW + timedelta(days=400))
    await _drop_all(world)


async def test_the_service_can_make_no_table_itself(database: Database) -> None:
    async with database.connection() as db:
        for statement in ("create table analytics.mine (id text)", "drop table analytics.visits_default"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute(statement)


async def _drop_all(world: World) -> None:
    for name in await partitions(world):
        await rows(world, f"drop table analytics.{name}")
