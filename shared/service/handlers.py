"""Functions that answer questions: what they are given, and how a write is carried out once."""

import typing
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared import context, idempotency
from shared import database as databases
from shared.answering import Answerer
from shared.contracts.ask import Ask, answer_of, is_confidential
from shared.idempotency import Attempt
from shared.sealing import Sealer
from shared.service.instance import Service


class Handler(msgspec.Struct, frozen=True):
    """One function that answers one question, and what it is given to do so."""

    question: type[Ask[Any]]
    bind: Callable[[Service], Answerer]


def read(handle: Callable[[databases.Connection, Any], Awaitable[Any]]) -> Handler:
    """For ``async def get_link(db, question)``: a connection, no transaction."""

    def bind(service: Service) -> Answerer:
        async def answer(question: Any) -> Any:
            async with service.database.connection() as db:
                return await handle(db, question)

        return answer

    return Handler(_question_of(handle), bind)


def write(handle: Callable[[databases.Connection, Any], Awaitable[Any]]) -> Handler:
    """For ``async def create_link(tx, question)``: one transaction, rolled back when it raises."""

    async def in_transaction(service: Service, question: Any) -> Any:
        async with service.transaction() as tx:
            return await handle(tx, question)

    kind = _question_of(handle)
    return Handler(kind, lambda service: _repeatable(service, kind, in_transaction))


def whole(handle: Callable[[Service, Any], Awaitable[Any]]) -> Handler:
    """For ``async def create_key(service, question)``: who asks others first, and opens its transaction itself."""

    kind = _question_of(handle)
    return Handler(kind, lambda service: _repeatable(service, kind, handle))


def _repeatable(service: Service, kind: type[Ask[Any]], handle: Callable[[Service, Any], Awaitable[Any]]) -> Answerer:
    """Asked with an idempotency key, ``handle`` is carried out once; without one it is simply called."""
    sealer, confidential = Sealer(service.settings.secret_key, "idempotency"), is_confidential(kind)

    async def answer(question: Any) -> Any:
        once = context.once.get()
        if once is None:
            given = await handle(service, question)
            service.news.set()
            return given
        settings = service.settings
        forgotten = idempotency.forgotten_at(settings, datetime.now(UTC))
        async with service.turns.take(once, settings.idempotency_wait_seconds) as left:
            attempt = Attempt(service.database, once, sealer, forgotten, wait_seconds=left, confidential=confidential)
            given = await idempotency.carry_out(attempt, lambda: handle(service.at(attempt), question))
        service.relay.nudge()
        service.news.set()
        return given

    return answer


def _question_of(handle: Callable[..., Awaitable[Any]]) -> type[Ask[Any]]:
    """The type of the second parameter; the function must answer what that question names."""
    hints = typing.get_type_hints(handle)
    parameters = [hint for name, hint in hints.items() if name != "return"]
    question: type[Ask[Any]] = parameters[1]
    if hints["return"] != answer_of(question):
        raise TypeError(f"{handle.__name__} answers {hints['return']}, but {question.__name__} asks for something else")
    return question
