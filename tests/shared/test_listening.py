"""Facts of other services are taken in: each at least once, and one that cannot be holds up nobody."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from shared.bus import EVENTS_STREAM, Bus
from shared.contracts.ask import subject_of
from shared.database import Database
from shared.encoding import encode
from shared.ids import new
from shared.service import Service, listen
from tests.shared.shelf import LISTENERS, Arrived
from tests.shared.stage import Stage
from tests.shared.waiting import until
from tests.world import Process


@asynccontextmanager
async def listening(stage: Stage, bus: Bus, database: Database) -> AsyncIterator[asyncio.Task[None]]:
    settings = stage.settings(listen_retry_seconds=0.1, listen_retry_most_seconds=0.4, ingest_wait_seconds=0.2)
    task = asyncio.create_task(listen(Service("shelf", settings, bus, database), LISTENERS[0]))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
async def nobody_has_listened(stage_bus: Bus) -> None:
    for consumer in await stage_bus._stream.consumers_info(EVENTS_STREAM):
        await stage_bus._stream.delete_consumer(EVENTS_STREAM, consumer.name)


async def tell(bus: Bus, numbers: Iterable[int]) -> None:
    for number in numbers:
        await bus.publish(subject_of(Arrived), encode(Arrived(number=number)), new(), 2)


async def arrivals(stage: Stage) -> dict[int, int]:
    async with stage.owner() as owner:
        rows = await owner.fetch("select number, seen from shelf.arrivals order by number")
    return {row["number"]: row["seen"] for row in rows}


async def until_arrived(stage: Stage, numbers: Iterable[int]) -> None:
    wanted = set(numbers)

    async def all_there() -> bool:
        return (await arrivals(stage)).keys() == wanted

    await until(all_there)


async def test_facts_are_taken_in_once_when_nothing_goes_wrong(
    stage: Stage, stage_bus: Bus, database: Database
) -> None:
    await tell(stage_bus, range(50))
    async with listening(stage, stage_bus, database):
        await tell(stage_bus, range(50, 100))
        await until_arrived(stage, range(100))
    assert set((await arrivals(stage)).values()) == {1}


async def test_facts_told_while_nobody_listened_are_not_lost(stage: Stage, stage_bus: Bus, database: Database) -> None:
    async with listening(stage, stage_bus, database):
        await tell(stage_bus, [1])
        await until_arrived(stage, [1])
    await tell(stage_bus, [2, 3])
    async with listening(stage, stage_bus, database):
        await until_arrived(stage, [1, 2, 3])


async def test_a_fact_that_cannot_be_taken_in_holds_up_nobody_and_is_not_forgotten(
    stage: Stage, stage_bus: Bus, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.owner() as owner:
        await owner.execute("insert into shelf.poison values (3), (5)")
    async with listening(stage, stage_bus, database) as task:
        with caplog.at_level(logging.ERROR):
            await stage_bus.publish(subject_of(Arrived), b"\xc1 no fact at all", new(), 2)
            await tell(stage_bus, range(10))
            await until_arrived(stage, set(range(10)) - {3, 5})
        assert not task.done()
        assert "number 3 cannot be taken in" in caplog.text
        async with stage.owner() as owner:
            await owner.execute("truncate shelf.poison")
        await until_arrived(stage, range(10))
    assert set((await arrivals(stage)).values()) == {1}


async def test_a_poisoned_fact_is_offered_ever_more_slowly(
    stage: Stage, stage_bus: Bus, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.owner() as owner:
        await owner.execute("insert into shelf.poison values (1)")
    async with listening(stage, stage_bus, database):
        with caplog.at_level(logging.ERROR):
            began = time.monotonic()
            await tell(stage_bus, [1])
            await until(lambda: len(tries(caplog)) >= 6)
            took = time.monotonic() - began
    records = tries(caplog)
    # 0.1, 0.2, 0.4 and then 0.4 again and again.
    assert took >= 1.4
    assert [record["next_in_seconds"] for record in records[:4]] == [0.1, 0.2, 0.4, 0.4]
    assert [record["deliveries"] for record in records] == list(range(1, len(records) + 1))


def tries(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.__dict__ for record in caplog.records if "next_in_seconds" in record.__dict__]


async def test_a_service_with_a_poisoned_fact_goes_on_answering(stage: Stage, stage_bus: Bus, shelf: Process) -> None:
    async with stage.owner() as owner:
        await owner.execute("insert into shelf.poison values (1)")
    await tell(stage_bus, [1, 2])
    await until_arrived(stage, [2])
    assert not shelf.ended
    assert "number 1 cannot be taken in" in shelf.log.read_text()


async def test_while_the_database_is_away_facts_wait(stage: Stage, stage_bus: Bus, database: Database) -> None:
    async with listening(stage, stage_bus, database) as task:
        await tell(stage_bus, [1])
        await until_arrived(stage, [1])
        await stage.kill("postgres")
        await tell(stage_bus, range(2, 20))
        await asyncio.sleep(0.5)
        await stage.restart("postgres")
        await until_arrived(stage, range(1, 20))
        assert not task.done()


async def test_while_nats_is_away_the_listener_waits(stage: Stage, stage_bus: Bus, database: Database) -> None:
    async with listening(stage, stage_bus, database) as task:
        await tell(stage_bus, [1])
        await until_arrived(stage, [1])
        await stage.kill("nats")
        await asyncio.sleep(0.5)
        await stage.restart("nats")
        await stage_bus.ensure_streams()
        await tell(stage_bus, [2])
        await until_arrived(stage, [1, 2])
        assert not task.done()


async def test_facts_that_were_fetched_but_not_taken_in_go_to_the_next_at_once(
    stage: Stage, stage_bus: Bus, database: Database
) -> None:
    await tell(stage_bus, range(600))
    async with listening(stage, stage_bus, database):
        await until(lambda: arrivals(stage))
    assert len(await arrivals(stage)) < 600
    async with listening(stage, stage_bus, database):
        await until_arrived(stage, range(600))
