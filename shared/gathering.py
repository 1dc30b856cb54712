"""Many questions with one statement: what is asked while the database is at work goes together with the next one.

A short statement is mostly its round trip, and a short write mostly its commit. Whoever comes when nothing is under way
waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from shared.database import Connection
from shared.faults import Fault
from shared.settings import Settings

A = TypeVar("A")
Q = TypeVar("Q")

# Answers the questions in their order.
Answer = Callable[[Connection, Sequence[Q]], Awaitable[Sequence[A]]]


class _GoneError(Exception):
    """Somebody has given up while the statement was under way."""


class Gathering(Generic[Q, A]):
    """One kind of question of one service copy."""

    def __init__(
        self,
        connection: Callable[[], AbstractAsyncContextManager[Connection]],
        answer: Answer[Q, A],
        settings: Settings,
        *,
        writes: bool = False,
    ) -> None:
        """With ``writes``, each ``connection`` is a transaction.

        Nothing is committed for somebody who has given up before.
        """
        self._connection = connection
        self._answer = answer
        self._writes = writes
        self._most_statements = settings.database_gathered_statements
        self._most_questions = settings.database_gathered_writes if writes else settings.database_gathered_questions
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._statements: set[asyncio.Task[None]] = set()

    async def answer(self, question: Q) -> A:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        if not self._waiting:
            # At the end of this tick, because questions arrive together.
            loop.call_soon(self._begin)
        self._waiting.append((question, answer))
        return await answer

    def _begin(self) -> None:
        while self._waiting and len(self._statements) < self._most_statements:
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most_questions))]
            task = asyncio.get_running_loop().create_task(self._run(some))
            self._statements.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._statements.discard(task)
        self._begin()

    async def _run(self, some: Sequence[tuple[Q, "asyncio.Future[A]"]]) -> None:
        # Whoever has waited for too long has gone.
        asked = [(question, answer) for question, answer in some if not answer.done()]
        if not asked:
            return
        ends = False
        try:
            async with self._connection() as db:
                found = await self._answer(db, [question for question, _ in asked])
                if self._writes and any(answer.done() for _, answer in asked):
                    raise _GoneError
                ends = True
            answered = list(zip(asked, found, strict=True))
        except _GoneError:
            # Once more for the others, who are fewer.
            await self._run(asked)
            return
        except Exception as error:  # noqa: BLE001 - whoever has asked gets it
            if len(asked) > 1 and not ends and not isinstance(error, Fault):
                # One question that the database cannot take must not be the ruin of those that came with it. What
                # fails at its end is not tried again, since it may have been committed.
                for each in asked:
                    await self._run([each])
                return
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), value in answered:
            if not answer.done():
                answer.set_result(value)
