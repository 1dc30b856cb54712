"""Writes that carry an idempotency key: done once, whoever is killed, whoever waits, and whatever the handler does."""

import asyncio
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared import idempotency
from shared.bus import Bus
from shared.contracts.modes import Mode
from shared.database import Database
from shared.faults import Code, Fault
from shared.once import Done
from tests.client import within
from tests.once import insist, once
from tests.shared.shelf import AddBook, Draw, Restock
from tests.shared.stage import Stage, at_work, books_told, until_answered
from tests.shared.waiting import fault_of, until
from tests.world import Process

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.fixture(autouse=True)
def patient(stage_bus: Bus) -> Iterator[None]:
    """Nobody here is in a hurry, on however busy a machine; who must not wait long is told so by the service."""
    hasty = stage_bus._questions._settings
    stage_bus._questions._settings = msgspec.structs.replace(hasty, ask_timeout_seconds=10.0)
    yield
    stage_bus._questions._settings = hasty


async def books(stage: Stage) -> list[tuple[str, int]]:
    async with stage.owner() as owner:
        return [(row["shelf"], row["place"]) for row in await owner.fetch("select * from shelf.books order by 1, 2")]


async def kept(stage: Stage) -> list[str]:
    async with stage.owner() as owner:
        rows = await owner.fetch("select key from shelf.idempotency where reply is not null order by key")
    return [row["key"] for row in rows]


async def test_a_write_that_is_repeated_takes_effect_once_and_is_told_once(stage: Stage, stage_bus: Bus) -> None:
    asked_at = datetime(2026, 1, 31, 9, 5, 0, 123456, tzinfo=UTC) + timedelta(days=36500)
    first = await stage_bus.ask_once(AddBook(shelf="A"), once("abc", asked_at=asked_at))
    again = await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))
    assert (first.answer, first.first_asked) == (1, None)
    assert (again.answer, again.first_asked) == (1, asked_at)
    assert await stage_bus.ask(AddBook(shelf="A")) == 2
    assert await books(stage) == [("A", 1), ("A", 2)]
    await until(lambda: _told(stage_bus, 2))
    assert await books_told(stage_bus) == [("A", 1), ("A", 2)]


async def _told(bus: Bus, count: int) -> bool:
    return len(await books_told(bus)) >= count


async def test_workspace_mode_and_key_tell_writes_apart(stage_bus: Bus) -> None:
    different = [once("abc"), once("abd"), once("abc", mode=Mode.TEST), once("abc", workspace="somebody else")]
    for number, each in enumerate(different, start=1):
        assert (await stage_bus.ask_once(AddBook(shelf="A"), each)).answer == number


async def test_a_key_is_for_one_request_only(stage: Stage, stage_bus: Bus) -> None:
    await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))
    fault, _ = await fault_of(stage_bus.ask_once(AddBook(shelf="B"), once("abc", "another request")))
    assert (fault.code, fault.details[0]["field"]) == (Code.IMPOSSIBLE, "idempotency_key")
    assert await books(stage) == [("A", 1)]


async def test_what_fails_at_its_very_end_leaves_nothing_and_may_be_repeated(stage: Stage, stage_bus: Bus) -> None:
    fault, _ = await fault_of(stage_bus.ask_once(AddBook(shelf="A", then_fail=True), once("abc")))
    assert fault.code is Code.CONFLICT
    assert (await books(stage), await kept(stage)) == ([], [])
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))).first_asked is None
    assert await kept(stage) == ["abc"]


async def under_way(stage: Stage, asked: "asyncio.Task[Any]") -> bool:
    """Is it carried out, or has it been by now?"""
    return asked.done() or await at_work(stage, 1)


async def repeated(
    stage: Stage, bus: Bus, first: "asyncio.Task[Any]", question: AddBook, key: str
) -> tuple[Done[int] | None, float]:
    """What is answered to whoever comes while the first one is at work; None when nothing but that it still is.

    And 0 when it has come in time to wait, but not for too long.
    """
    await until(lambda: under_way(stage, first))
    in_time = not first.done()
    try:
        second = await bus.ask_once(question, once(key))
    except Fault as fault:
        await first
        return None, 1.0 if fault.code is Code.BUSY else float("inf")
    return second, 0.0 if in_time else 1.0


async def test_who_comes_while_the_first_one_is_at_work_waits_for_its_answer(stage: Stage, stage_bus: Bus) -> None:
    async def attempt(number: int) -> float:
        shelf, key = f"shelf {number}", f"abc-{number}"
        first = asyncio.create_task(stage_bus.ask_once(AddBook(shelf=shelf, hold_seconds=0.4), once(key)))
        second, off = await repeated(stage, stage_bus, first, AddBook(shelf=shelf), key)
        if second is None:
            return off
        assert (second.answer, (await first).answer) == (1, 1)
        assert second.first_asked is not None
        assert [book for book in await books(stage) if book[0] == shelf] == [(shelf, 1)]
        return off

    await within(0.0, attempt)


async def test_when_the_first_one_fails_the_one_that_waited_does_it(stage: Stage, stage_bus: Bus) -> None:
    async def attempt(number: int) -> float:
        shelf, key = f"shelf {number}", f"abc-{number}"
        doomed = AddBook(shelf=shelf, hold_seconds=0.4, then_fail=True)
        first = asyncio.create_task(fault_of(stage_bus.ask_once(doomed, once(key))))
        second, off = await repeated(stage, stage_bus, first, AddBook(shelf=shelf), key)
        if second is None:
            return off
        assert (second.answer, second.first_asked) == (1, None)
        assert (await first)[0].code is Code.CONFLICT
        assert [book for book in await books(stage) if book[0] == shelf] == [(shelf, 1)]
        return off

    await within(0.0, attempt)


async def test_nobody_waits_longer_than_a_second(stage: Stage, stage_bus: Bus) -> None:
    first = asyncio.create_task(stage_bus.ask_once(AddBook(shelf="A", hold_seconds=5), once("abc")))
    await until(lambda: at_work(stage, 1))
    fault, took = await fault_of(stage_bus.ask_once(AddBook(shelf="A"), once("abc")))
    assert (fault.code, fault.retry_after) == (Code.BUSY, 1)
    assert took >= 0.8
    assert not first.done()
    await first
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))).answer == 1


@pytest.mark.parametrize("victim", ["shelf", "postgres"])
async def test_a_kill_in_the_middle_leaves_nothing(stage: Stage, stage_bus: Bus, shelf: Process, victim: str) -> None:
    asked = asyncio.create_task(stage_bus.ask_once(AddBook(shelf="A", hold_seconds=3), once("abc")))
    await until(lambda: at_work(stage, 1))
    if victim == "shelf":
        await shelf.stop(signal.SIGKILL)
        await shelf.start()
    else:
        await stage.kill("postgres")
        await stage.restart("postgres")
        # Whoever has it in hand learns of it at the end.
        await asyncio.wait([asked])
    await until_answered(stage_bus, "shelf")
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert (await books(stage), await kept(stage)) == ([], [])
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))).answer == 1
    assert await books(stage) == [("A", 1)]


async def test_several_transactions_of_a_handler_are_one(stage: Stage, stage_bus: Bus) -> None:
    fault, _ = await fault_of(stage_bus.ask_once(Restock(shelves=("A", "B"), then_fail=True), once("abc")))
    assert fault.code is Code.FORBIDDEN
    assert (await books(stage), await kept(stage)) == ([], [])
    assert (await stage_bus.ask_once(Restock(shelves=("A", "B")), once("abc"))).answer == 2
    assert (await stage_bus.ask_once(Restock(shelves=("A", "B")), once("abc"))).answer == 2
    assert await books(stage) == [("A", 1), ("B", 1)]


@pytest.mark.parametrize("refused", ["A", "B", "C"])
async def test_a_transaction_that_its_handler_gives_up_leaves_the_others(
    stage: Stage, stage_bus: Bus, refused: str
) -> None:
    question = Restock(shelves=("A", "B", "C"), refused=(refused,))
    for _ in range(2):
        assert (await stage_bus.ask_once(question, once("abc"))).answer == 2
    assert await books(stage) == [(shelf, 1) for shelf in "ABC" if shelf != refused]
    await until(lambda: _told(stage_bus, 2))


async def test_a_handler_without_a_transaction_is_asked_once_all_the_same(stage_bus: Bus) -> None:
    numbers = {(await stage_bus.ask_once(Draw(), once("abc"))).answer for _ in range(3)}
    assert len(numbers) == 1
    at_once = await asyncio.gather(*(insist(stage_bus, Draw(), once("abd")) for _ in range(20)))
    assert len({done.answer for done in at_once}) == 1
    assert sum(done.first_asked is None for done in at_once) == 1


async def test_after_the_agreed_time_a_key_is_as_good_as_new(stage: Stage, stage_bus: Bus) -> None:
    keep = timedelta(seconds=stage.settings().idempotency_keep_seconds)
    assert keep == timedelta(hours=24)
    nearly = once("abc", asked_at=datetime.now(UTC) - keep + timedelta(seconds=60))
    over = once("abd", "yesterday's request", asked_at=datetime.now(UTC) - keep - timedelta(seconds=1))
    for each in (nearly, over):
        await stage_bus.ask_once(AddBook(shelf="A"), each)
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abc"))).answer == 1
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abd", "today's request"))).answer == 3
    assert (await stage_bus.ask_once(AddBook(shelf="A"), once("abd", "today's request"))).answer == 3


async def test_old_answers_are_deleted_in_small_steps(stage: Stage, stage_bus: Bus, database: Database) -> None:
    settings = stage.settings(housekeeping_rows=2)
    now = datetime.now(UTC)
    for number in range(5):
        await stage_bus.ask_once(AddBook(shelf="A"), once(f"old-{number}", asked_at=now - timedelta(hours=25)))
    await stage_bus.ask_once(AddBook(shelf="A"), once("new", asked_at=now - timedelta(hours=23)))
    await asyncio.gather(*(idempotency.tidy(database, settings, now) for _ in range(3)))
    assert await kept(stage) == ["new"]
    await idempotency.tidy(database, settings, now + timedelta(hours=1, seconds=1))
    assert await kept(stage) == []


async def test_who_waits_for_a_repeated_write_keeps_nobody_else_waiting(
    stage: Stage, stage_bus: Bus, shelf: Process
) -> None:
    await shelf.stop()
    narrow = stage.shelf(database_pool_size=3)
    await narrow.start()
    await until_answered(stage_bus, "shelf")

    async def attempt(number: int) -> float:
        """How long somebody else has to wait."""
        slow = AddBook(shelf=f"A{number}", hold_seconds=0.7)
        repeated = [asyncio.create_task(stage_bus.ask_once(slow, once(f"abc-{number}"))) for _ in range(20)]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        assert await stage_bus.ask(AddBook(shelf=f"B{number}")) == 1
        took = time.monotonic() - began
        waiting = not any(task.done() for task in repeated)
        answers = await asyncio.gather(*repeated, return_exceptions=True)
        # On a machine that stands still some have waited for too long.
        good = [each for each in answers if not (isinstance(each, Fault) and each.code is Code.BUSY)]
        assert {done.answer for done in good if not isinstance(done, BaseException)} == {1}
        return took if waiting and len(good) == len(answers) else float("inf")

    await within(0.4, attempt)
    await narrow.stop()


async def test_of_many_at_once_one_is_carried_out(stage: Stage, stage_bus: Bus) -> None:
    for number in range(10):
        answers = await asyncio.gather(
            *(insist(stage_bus, AddBook(shelf="A"), once(f"round-{number}")) for _ in range(50))
        )
        assert {answer.answer for answer in answers} == {number + 1}
        assert sum(answer.first_asked is None for answer in answers) == 1
    assert len(await books(stage)) == 10
