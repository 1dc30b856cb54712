"""The database is full, away or hung: questions end in time, and all is well when it is back."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import pytest

from shared import database as databases
from shared.bus import Bus
from shared.database import Database
from shared.faults import Code, Fault
from tests.client import within
from tests.shared.shelf import AddBook, Misuse, Nap
from tests.shared.stage import Stage
from tests.shared.waiting import fault_of, until
from tests.world import Process


async def hold(database: Database, seconds: float) -> None:
    async with database.transaction() as tx:
        await tx.execute("select pg_sleep($1)", seconds)


@contextlib.asynccontextmanager
async def all_held(database: Database) -> AsyncIterator[None]:
    """Inside the block no connection is free, however long it takes."""
    over = asyncio.Event()

    async def hold_on() -> None:
        async with database.connection():
            await over.wait()

    holding = [asyncio.create_task(hold_on()) for _ in range(database.most_connections)]
    await until(lambda: database.use.in_use == database.most_connections)
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*holding)


async def count(database: Database) -> int:
    async with database.connection() as db:
        found: int = await db.fetchval("select count(*) from books")
        return found


async def test_a_transaction_that_finds_no_connection_is_unavailable_after_a_second(database: Database) -> None:
    async def attempt(_: int) -> float:
        async with all_held(database):
            fault, seconds = await fault_of(hold(database, 0))
        assert fault.code is Code.UNAVAILABLE
        assert seconds > 0.6
        return seconds

    await within(3.5, attempt)
    await hold(database, 0)


@pytest.mark.usefixtures("stage_bus")
async def test_a_transaction_that_finds_one_in_time_gets_it(stage: Stage) -> None:
    patient = stage.settings(database_pool_size=8, database_acquire_timeout_seconds=10)
    async with databases.connect(patient, "shelf") as database:
        holding = [asyncio.create_task(hold(database, 0.5)) for _ in range(8)]
        await asyncio.sleep(0.1)
        await hold(database, 0)
        assert any(task.done() for task in holding)
        await asyncio.gather(*holding)


async def test_a_cancelled_transaction_leaves_nothing_behind(database: Database) -> None:
    async def add(place: int) -> None:
        async with database.transaction() as tx:
            await tx.execute("insert into books values ('cancelled', $1)", place)
            await tx.execute("select pg_sleep(60)")

    for round_ in range(3):
        adding = [asyncio.create_task(add(place)) for place in range(8)]
        await asyncio.sleep(0.1 * round_)
        for task in adding:
            task.cancel()
        await asyncio.gather(*adding, return_exceptions=True)
        assert await count(database) == 0
        await asyncio.gather(*(hold(database, 0) for _ in range(8)))


async def test_a_connection_that_was_cut_off_is_not_used_again_and_its_statement_ends(database: Database) -> None:
    used: list[int] = []

    async def read() -> None:
        async with database.connection() as db:
            used.append(await db.fetchval("select pg_backend_pid()"))
            await db.fetchval("select pg_sleep(60)")

    async def asleep() -> int:
        query = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
        async with database.connection() as db:
            found: int = await db.fetchval(query)
            return found

    async def awake() -> bool:
        return await asleep() == 0

    reading = asyncio.create_task(read())
    await until(asleep)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await until(awake)
    assert await pids(database, 8) & set(used) == set()


async def pids(database: Database, number: int) -> set[int]:
    """Of all the connections there may be."""

    async def pid() -> int:
        async with database.connection() as db:
            await asyncio.sleep(0.2)
            found: int = await db.fetchval("select pg_backend_pid()")
            return found

    return set(await asyncio.gather(*(pid() for _ in range(number))))


async def test_misuse_of_the_database_is_a_defect_and_not_an_outage(stage_bus: Bus, shelf: Process) -> None:
    said = len(shelf.log.read_text())
    fault, _ = await fault_of(stage_bus.ask(Misuse()))
    assert fault.code is Code.INTERNAL
    assert "out of reach" not in shelf.log.read_text()[said:]


async def test_of_two_that_wait_for_each_other_one_is_told_to_come_again_and_the_other_gets_through(
    database: Database,
) -> None:
    both_hold_one = asyncio.Barrier(2)

    async def take(*keys: int) -> None:
        async with database.transaction() as tx:
            for place, key in enumerate(keys):
                if place:
                    await both_hold_one.wait()
                await tx.execute("select pg_advisory_xact_lock($1)", key)

    outcomes = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
    (fault,) = (each for each in outcomes if each is not None)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.retry_after) == (Code.UNAVAILABLE, 1)
    assert "try again" in fault.message


async def test_who_waits_too_long_for_others_is_told_to_come_again(database: Database) -> None:
    async def take() -> None:
        async with database.transaction() as tx:
            await tx.execute("set local lock_timeout = '100ms'")
            await tx.execute("select pg_advisory_xact_lock(1)")

    async with database.transaction() as tx:
        await tx.execute("select pg_advisory_xact_lock(1)")
        fault, _ = await fault_of(take())
    assert (fault.code, fault.retry_after) == (Code.UNAVAILABLE, 1)
    await take()


async def test_a_statement_that_takes_too_long_is_ended_by_the_database(database: Database) -> None:
    async def work() -> None:
        async with database.transaction() as tx:
            await tx.execute("set local statement_timeout = '100ms'")
            await tx.execute("select pg_sleep(5)")

    fault, seconds = await fault_of(work())
    assert fault.code is Code.UNAVAILABLE
    assert seconds < 4


async def test_postgres_away_is_unavailable_at_once_and_all_is_well_when_it_is_back(
    stage: Stage, stage_bus: Bus, shelf: Process
) -> None:
    assert await stage_bus.ask(AddBook(shelf="before")) == 1
    await stage.kill("postgres")
    took = []
    for _ in range(10):
        fault, seconds = await fault_of(stage_bus.ask(AddBook(shelf="meanwhile")))
        assert fault.code is Code.UNAVAILABLE
        took.append(seconds)
    assert sorted(took)[5] < 1
    await stage.restart("postgres")
    assert await stage_bus.ask(AddBook(shelf="before")) == 2
    assert await stage_bus.ask(AddBook(shelf="meanwhile")) == 1
    assert not shelf.ended


async def test_postgres_dying_in_the_middle_of_the_work_is_unavailable(
    stage: Stage, stage_bus: Bus, shelf: Process
) -> None:
    working = [asyncio.create_task(fault_of(stage_bus.ask(Nap(seconds=30), timeout=10))) for _ in range(4)]
    await asyncio.sleep(0.3)
    await stage.kill("postgres")
    for fault, seconds in await asyncio.gather(*working):
        assert fault.code is Code.UNAVAILABLE
        # Well before their time is over.
        assert seconds < 8
    await stage.restart("postgres")
    assert await stage_bus.ask(Nap(seconds=0)) == "rested"


async def answers(bus: Bus) -> bool:
    try:
        await bus.ask(AddBook(shelf="after"))
    except Fault:
        return False
    return True


async def test_a_hung_postgres_costs_a_question_its_time_and_all_is_well_afterwards(
    stage: Stage, stage_bus: Bus, shelf: Process
) -> None:
    assert await stage_bus.ask(AddBook(shelf="before")) == 1
    stage.signal_postgres(signal.SIGSTOP)
    try:

        async def attempt(_: int) -> float:
            asked = [fault_of(stage_bus.ask(AddBook(shelf="hung"), timeout=1.5)) for _ in range(40)]
            faults = await asyncio.gather(*asked)
            assert {fault.code for fault, _ in faults} <= {Code.TIMEOUT, Code.UNAVAILABLE}
            return max(seconds for _, seconds in faults)

        for _ in range(2):
            await within(1.8, attempt)
    finally:
        stage.signal_postgres(signal.SIGCONT)
    await until(lambda: answers(stage_bus))
    # What was given up is not done later, when nobody waits for it any more.
    async with stage.owner() as owner:
        assert await owner.fetchval("select count(*) from shelf.books where shelf = 'hung'") == 0
    assert await stage_bus.ask(AddBook(shelf="before")) == 2
    assert not shelf.ended


async def test_what_is_read_in_a_snapshot_is_as_it_was_at_one_moment(database: Database) -> None:
    async with database.snapshot() as db:
        there = await db.fetchval("select count(*) from books")
        async with database.transaction() as tx:
            await tx.execute("insert into books values ('meanwhile', 1)")
        assert await db.fetchval("select count(*) from books") == there
    assert await count(database) == there + 1
