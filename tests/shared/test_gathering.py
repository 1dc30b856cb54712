"""Questions that are asked at the same time share a statement, and nothing else."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.database import Connection, Database
from shared.faults import Code, Fault
from shared.gathering import Gathering
from tests.shared.stage import Stage


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
    return Gathering(database, upper, settings)


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
    holding = [asyncio.create_task(_hold(database)) for _ in range(8)]
    await asyncio.sleep(0.2)
    answers = await asyncio.gather(*(gathering.answer(text) for text in "abc"), return_exceptions=True)
    await asyncio.gather(*holding)
    assert [answer.code for answer in answers if isinstance(answer, Fault)] == [Code.UNAVAILABLE] * 3
    assert await gathering.answer("again") == "AGAIN"


async def _hold(database: Database) -> None:
    async with database.connection() as db:
        await db.execute("select pg_sleep(2)")
