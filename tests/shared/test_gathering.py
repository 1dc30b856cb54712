"""Questions that are asked at the same time share a statement, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from shared.database import Connection, Database
from shared.faults import Code, Fault
from shared.gathering import Gathering
from tests.shared.stage import Stage
from tests.shared.test_pool import all_held


class Upper:
    """Asks PostgreSQL for texts in capitals, and remembers what it was asked together."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.begun = asyncio.Semaphore(0)

    async def __call__(self, db: Connection, texts: Sequence[str]) -> list[str]:
        self.asked.append(list(texts))
        self.begun.release()
        rows = await db.fetch("select upper(text) as text, pg_sleep(0.01) from unnest($1::text[]) as t (text)", texts)
        return [row["text"] for row in rows]


@pytest.fixture
def upper() -> Upper:
    return Upper()


@pytest.fixture
def gathering(database: Database, stage: Stage, upper: Upper) -> Gathering[str, str]:
    settings = stage.settings(database_gathered_statements=2, database_gathered_questions=8)
    return Gathering(database.connection, upper, settings)


async def test_whoever_asks_at_the_same_time_shares_a_statement_and_gets_the_own_answer(
    gathering: Gathering[str, str], upper: Upper
) -> None:
    texts = [f"text {number}" for number in range(30)]
    answers = await asyncio.gather(*(gathering.answer(text) for text in texts))
    assert answers == [text.upper() for text in texts]
    assert [len(some) for some in upper.asked] == [8, 8, 8, 6]


async def test_whoever_comes_alone_waits_for_nobody(gathering: Gathering[str, str], upper: Upper) -> None:
    assert [await gathering.answer(text) for text in ("a", "b")] == ["A", "B"]
    assert upper.asked == [["a"], ["b"]]


async def test_what_is_asked_while_all_statements_are_under_way_goes_together_with_the_next(
    gathering: Gathering[str, str], upper: Upper
) -> None:
    under_way = []
    for text in ("a", "b"):
        under_way.append(asyncio.create_task(gathering.answer(text)))
        await upper.begun.acquire()
    later = [asyncio.create_task(gathering.answer(text)) for text in ("c", "d")]
    assert await asyncio.gather(*under_way, *later) == ["A", "B", "C", "D"]
    assert upper.asked == [["a"], ["b"], ["c", "d"]]


async def test_a_question_that_the_database_cannot_take_fails_alone(gathering: Gathering[str, str]) -> None:
    texts = ("a", "no text: \0", "b")
    answers = await asyncio.gather(*(gathering.answer(text) for text in texts), return_exceptions=True)
    assert [answers[0], answers[2]] == ["A", "B"]
    assert isinstance(answers[1], Exception)


async def test_one_who_gives_up_takes_nothing_from_the_others(gathering: Gathering[str, str], upper: Upper) -> None:
    asking = [asyncio.create_task(gathering.answer(text)) for text in ("a", "b", "c")]
    await asyncio.sleep(0)
    asking[1].cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [answers[0], answers[2]] == ["A", "C"]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert upper.asked == [["a", "c"]]


async def test_without_a_connection_everybody_is_told(gathering: Gathering[str, str], database: Database) -> None:
    async with all_held(database):
        answers = await asyncio.gather(*(gathering.answer(text) for text in "abc"), return_exceptions=True)
    assert [answer.code for answer in answers if isinstance(answer, Fault)] == [Code.UNAVAILABLE] * 3
    assert await gathering.answer("again") == "AGAIN"


class Scribe:
    """Puts books in their places, which are taken once; holds the transaction for as long as the test wants."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.wrote: list[list[int]] = []
        self.begun = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    async def __call__(self, tx: Connection, places: Sequence[int]) -> Sequence[int]:
        self.wrote.append(list(places))
        await tx.execute("insert into books (shelf, place) select 'a', unnest($1::int[])", places)
        self.begun.release()
        await self.go_on.wait()
        return places

    async def books(self) -> list[int]:
        async with self._database.connection() as db:
            return [row["place"] for row in await db.fetch("select place from books order by place")]


@pytest.fixture
def scribe(database: Database) -> Scribe:
    return Scribe(database)


@pytest.fixture
def writing(database: Database, stage: Stage, scribe: Scribe) -> Gathering[int, int]:
    settings = stage.settings(database_gathered_statements=2, database_gathered_writes=8)
    return Gathering(database.transaction, scribe, settings, writes=True)


async def test_what_is_written_together_is_committed_together(writing: Gathering[int, int], scribe: Scribe) -> None:
    asking = asyncio.gather(*(writing.answer(place) for place in range(8)))
    await scribe.begun.acquire()
    assert await scribe.books() == []
    scribe.go_on.set()
    assert await asking == list(range(8))
    assert await scribe.books() == list(range(8))
    assert scribe.wrote == [list(range(8))]


async def test_nothing_is_written_for_one_who_has_given_up_before_the_commit(
    writing: Gathering[int, int], scribe: Scribe
) -> None:
    asking = [asyncio.create_task(writing.answer(place)) for place in range(4)]
    await scribe.begun.acquire()
    asking[2].cancel()
    await asyncio.sleep(0)
    scribe.go_on.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [0, 1, 3]
    assert await scribe.books() == [0, 1, 3]
    assert scribe.wrote == [[0, 1, 2, 3], [0, 1, 3]]


async def test_when_all_have_given_up_nothing_is_written(writing: Gathering[int, int], scribe: Scribe) -> None:
    asking = [asyncio.create_task(writing.answer(place)) for place in range(4)]
    await scribe.begun.acquire()
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    scribe.go_on.set()
    assert await writing.answer(7) == 7
    assert await scribe.books() == [7]


async def test_one_that_the_database_refuses_is_the_only_one_that_is_not_written(
    writing: Gathering[int, int], scribe: Scribe
) -> None:
    scribe.go_on.set()
    await writing.answer(1)
    answers = await asyncio.gather(*(writing.answer(place) for place in range(3)), return_exceptions=True)
    assert [answers[0], answers[2]] == [0, 2]
    assert isinstance(answers[1], asyncpg.UniqueViolationError)
    assert await scribe.books() == [0, 1, 2]


async def test_what_fails_at_its_end_is_not_tried_again(database: Database, stage: Stage, scribe: Scribe) -> None:
    """It might have been committed all the same."""

    @contextlib.asynccontextmanager
    async def torn() -> AsyncIterator[Connection]:
        async with database.transaction() as tx:
            yield tx
        raise RuntimeError("lost after the commit")

    scribe.go_on.set()
    writing = Gathering(torn, scribe, stage.settings(), writes=True)
    answers = await asyncio.gather(*(writing.answer(place) for place in range(3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["lost after the commit"] * 3
    assert scribe.wrote == [[0, 1, 2]]
    assert await scribe.books() == [0, 1, 2]
