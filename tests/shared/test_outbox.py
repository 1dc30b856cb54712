"""A fact is told if, and only if, what it tells has been committed: once in the stream, and in order."""

import asyncio
import random
import signal
import time
from collections import Counter

import pytest

from shared import bus as buses
from shared import ids, outbox
from shared.bus import Bus
from shared.contracts.ask import subject_of
from shared.database import Database
from shared.encoding import encode
from shared.faults import Code, Fault
from shared.outbox import Relay
from tests.shared.shelf import AddBook, AddQuietly, BookAdded
from tests.shared.stage import Stage, books_told, until_answered
from tests.shared.waiting import fault_of, until
from tests.world import Process


async def until_empty(stage: Stage) -> None:
    async with stage.owner() as owner:
        await until(lambda: owner.fetchval("select count(*) = 0 from shelf.outbox"), 30)


async def test_a_fact_is_told_right_after_the_commit(stage_bus: Bus, shelf: Process) -> None:
    heard: list[BookAdded] = []
    await stage_bus.hear(BookAdded, heard.append)
    took = []
    for place in range(1, 11):
        began = time.monotonic()
        await stage_bus.ask(AddBook(shelf="a"))
        await until(lambda place=place: len(heard) >= place)  # type: ignore[misc]
        took.append(time.monotonic() - began)
    # The relay looks by itself once a second, so most of them would take about as long.
    assert sorted(took)[5] < 0.5
    assert heard == [BookAdded(shelf="a", place=place) for place in range(1, 11)]


async def test_what_is_rolled_back_is_not_told(stage: Stage, stage_bus: Bus, shelf: Process) -> None:
    for n in range(20):
        asked = AddBook(shelf="a", then_fail=n % 2 == 0)
        if asked.then_fail:
            fault, _ = await fault_of(stage_bus.ask(asked))
            assert fault.code is Code.CONFLICT
        else:
            await stage_bus.ask(asked)
    await until_empty(stage)
    assert await books_told(stage_bus) == [("a", place) for place in range(1, 11)]


async def test_what_was_committed_before_a_crash_is_told_after_it(stage: Stage, stage_bus: Bus) -> None:
    sleepy = stage.shelf("sleepy", outbox_poll_seconds=3600)
    await sleepy.start()
    await until_answered(stage_bus, "shelf")
    for place in range(1, 6):
        assert await stage_bus.ask(AddQuietly(shelf="a")) == place
    assert await sleepy.stop(signal.SIGKILL) == -signal.SIGKILL
    assert await books_told(stage_bus) == []
    restarted = stage.shelf()
    await restarted.start()
    await until_empty(stage)
    assert await books_told(stage_bus) == [("a", place) for place in range(1, 6)]
    await restarted.stop()


async def test_what_was_published_just_before_a_crash_stays_once_in_the_stream(
    stage: Stage, stage_bus: Bus, database: Database
) -> None:
    event = BookAdded(shelf="a", place=1)
    async with database.transaction() as tx:
        await outbox.tell(tx, event)
        row = await tx.fetchrow("select event_id, subject, payload from outbox")
    assert row
    # What a relay did that was killed before it could delete the row.
    await stage_bus.publish(row["subject"], row["payload"], row["event_id"], 2)
    relaying = asyncio.create_task(Relay(stage_bus, database, stage.settings()).run())
    await until_empty(stage)
    relaying.cancel()
    assert await books_told(stage_bus) == [("a", 1)]


async def test_under_kill_9_each_committed_book_is_told_once_and_in_order(stage: Stage, stage_bus: Bus) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    done = asyncio.Event()
    added = 0

    async def keep_adding(shelf: str) -> None:
        nonlocal added
        while not done.is_set():
            try:
                await stage_bus.ask(AddBook(shelf=shelf), timeout=0.5)
                added += 1
            except Fault:
                await asyncio.sleep(0.02)

    process = stage.shelf("killed", outbox_batch=5)
    await process.start()
    await until_answered(stage_bus, "shelf")
    adding = [asyncio.create_task(keep_adding(f"{n}")) for n in range(8)]
    for kill in range(5):
        await until(lambda kill=kill: added >= 12 * (kill + 1), 60)  # type: ignore[misc]
        await asyncio.sleep(chance.uniform(0.0, 0.3))
        await process.stop(signal.SIGKILL)
        await process.start()
        await until_answered(stage_bus, "shelf")
    done.set()
    await asyncio.gather(*adding)
    await until_empty(stage)
    await process.stop()
    told = await books_told(stage_bus)
    async with stage.owner() as owner:
        stored = {(row["shelf"], row["place"]) for row in await owner.fetch("select shelf, place from shelf.books")}
    assert len(stored) > 50
    assert {book for book, times in Counter(told).items() if times > 1} == set()
    assert set(told) == stored
    for shelf in {shelf for shelf, _ in stored}:
        places = [place for name, place in told if name == shelf]
        assert places == sorted(places)


async def test_a_copy_waits_for_another_that_is_still_telling_older_facts(
    stage: Stage, stage_bus: Bus, database: Database
) -> None:
    async with database.transaction() as tx:
        for place in (1, 2):
            await outbox.tell(tx, BookAdded(shelf="a", place=place))
    async with stage.owner() as owner:
        other = owner.transaction()
        await other.start()
        await owner.fetch("select id from shelf.outbox order by id limit 1 for update")
        relaying = asyncio.create_task(Relay(stage_bus, database, stage.settings()).run())
        await asyncio.sleep(0.5)
        assert await books_told(stage_bus) == []
        await other.rollback()
    await until_empty(stage)
    relaying.cancel()
    assert await books_told(stage_bus) == [("a", 1), ("a", 2)]


async def test_several_copies_tell_the_facts_of_one_shelf_in_order(stage: Stage, stage_bus: Bus) -> None:
    copies = [stage.shelf(f"copy-{n}", outbox_batch=7) for n in range(3)]
    for copy in copies:
        await copy.start()
    await until_answered(stage_bus, "shelf", copies=3)

    async def add(shelf: str) -> None:
        for _ in range(60):
            await stage_bus.ask(AddBook(shelf=shelf), timeout=10)

    await asyncio.gather(*(add(f"{n}") for n in range(6)))
    await until_empty(stage)
    for copy in copies:
        assert await copy.stop() == 0
    told = await books_told(stage_bus)
    for n in range(6):
        assert [place for name, place in told if name == f"{n}"] == list(range(1, 61))


async def test_facts_wait_for_nats_and_none_is_lost(stage: Stage, stage_bus: Bus, database: Database) -> None:
    settings = stage.settings(outbox_batch=10)
    async with buses.connect(settings) as own_bus:
        relay = Relay(own_bus, database, settings)
        relaying = asyncio.create_task(relay.run())
        await stage.kill("nats")
        for place in range(1, 51):
            async with database.transaction() as tx:
                await outbox.tell(tx, BookAdded(shelf="a", place=place))
            relay.nudge()
        async with database.connection() as db:
            assert await db.fetchval("select count(*) from outbox") == 50
        assert not relaying.done()
        await stage.restart("nats")
        await until_empty(stage)
        relaying.cancel()
    assert await books_told(stage_bus) == [("a", place) for place in range(1, 51)]


async def test_facts_wait_for_a_hung_nats_and_none_is_told_twice(
    stage: Stage, stage_bus: Bus, database: Database
) -> None:
    settings = stage.settings(ask_timeout_seconds=0.3)
    async with buses.connect(settings) as own_bus:
        relaying = asyncio.create_task(Relay(own_bus, database, settings).run())
        stage.servers.processes["nats"].send_signal(signal.SIGSTOP)
        async with database.transaction() as tx:
            for place in range(1, 31):
                await outbox.tell(tx, BookAdded(shelf="a", place=place))
        await asyncio.sleep(1.5)
        assert not relaying.done()
        stage.servers.processes["nats"].send_signal(signal.SIGCONT)
        await until_empty(stage)
        relaying.cancel()
    assert await books_told(stage_bus) == [("a", place) for place in range(1, 31)]


async def test_a_fact_too_large_for_the_stream_fails_its_transaction_and_holds_up_nobody(database: Database) -> None:
    async def tell(letters: int) -> None:
        async with database.transaction() as tx:
            await outbox.tell(tx, BookAdded(shelf="x" * letters, place=1))

    await tell(900_000)
    with pytest.raises(ValueError, match="too large"):
        await tell(1_000_000)
    async with database.connection() as db:
        assert await db.fetchval("select count(*) from outbox") == 1


async def test_the_stream_knows_a_fact_by_its_id_and_its_kind(stage: Stage, stage_bus: Bus, shelf: Process) -> None:
    await stage_bus.ask(AddBook(shelf="a"))
    await until_empty(stage)
    state = (await stage_bus._stream.stream_info("EVENTS")).state
    message = await stage_bus._stream.get_msg("EVENTS", state.last_seq)
    assert message.subject == subject_of(BookAdded) == "events.shelf.book_added"
    assert message.data == encode(BookAdded(shelf="a", place=1))
    assert message.headers
    assert ids.valid(message.headers["Nats-Msg-Id"])
