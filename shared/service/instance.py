"""A service at work: what its handlers and its background work share."""

import asyncio
import contextlib
import copy
import typing
from typing import Any, TypeVar

from shared import database as databases
from shared.bus import Bus
from shared.database import Database
from shared.gathering import Answer, Gathering
from shared.idempotency import Attempt, Turns
from shared.outbox import Relay
from shared.settings import Settings

A = TypeVar("A")
Q = TypeVar("Q")


class Service:
    """What the handlers and the background work of one service share."""

    def __init__(self, name: str, settings: Settings, bus: Bus, database: Database) -> None:
        self.name = name
        self.settings = settings
        self.bus = bus
        self.database = database
        self.relay = Relay(bus, database, settings)
        self.turns = Turns()
        # Set after each write, and by whoever has work for other background work; who waits for it clears it.
        self.news = asyncio.Event()
        self._attempt: Attempt | None = None
        self._gatherings: dict[object, Gathering[Any, Any]] = {}

    @contextlib.asynccontextmanager
    async def transaction(self) -> typing.AsyncIterator[databases.Connection]:
        """A transaction whose facts are told as soon as it has committed.

        For a write with an idempotency key it is a part of the one transaction that also keeps the answer, and commits
        when the handler has returned.
        """
        if self._attempt:
            async with self._attempt.transaction() as tx:
                yield tx
            return
        async with self.database.transaction() as tx:
            yield tx
        self.relay.nudge()

    async def gathered(self, find: Answer[Q, A], question: Q) -> A:
        """For reading what many ask for at the same time: ``find`` is given all their questions at once."""
        gathering = self._gatherings.get(find)
        if gathering is None:
            gathering = self._gatherings[find] = Gathering(self.database.connection, find, self.settings)
        answer: A = await gathering.answer(question)
        return answer

    async def written_together(self, write: Answer[Q, A], question: Q) -> A:
        """For writing what many ask for at the same time, in one transaction whose facts are told when it commits.

        What one of them writes must never have to wait for what another transaction has written: all would wait with
        it. A write with an idempotency key is a part of its own transaction.
        """
        if self._attempt:
            async with self.transaction() as tx:
                (alone,) = await write(tx, [question])
            return alone
        gathering = self._gatherings.get(write)
        if gathering is None:
            gathering = self._gatherings[write] = Gathering(self.transaction, write, self.settings, writes=True)
        answer: A = await gathering.answer(question)
        return answer

    def at(self, attempt: Attempt) -> "Service":
        """The same service as the handler of one such write sees it."""
        service = copy.copy(self)
        service._attempt = attempt
        return service
