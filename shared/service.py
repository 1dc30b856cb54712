"""How every service runs: connect, wait for the schema, answer its questions, tell its facts, stop cleanly."""

import asyncio
import contextlib
import copy
import logging
import os
import signal
import sys
import typing
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import uvloop
from prometheus_client.core import Metric

from shared import bus as buses
from shared import context, heap, idempotency
from shared import database as databases
from shared import log as logs
from shared.answering import Answerer, Answering
from shared.bus import EVENTS_STREAM, Bus, Delivery, Puller
from shared.contracts.ask import Ask, Event, answer_of, is_confidential, subject_of
from shared.database import Database
from shared.faults import Fault
from shared.gathering import Answer, Gathering
from shared.idempotency import Attempt, Turns
from shared.metrics.watch import Watch
from shared.outbox import Relay
from shared.readiness import Readiness
from shared.sealing import Sealer
from shared.settings import Settings, SettingsError, variable
from shared.stopping import cancel
from shared.tracing import TRACING

A = TypeVar("A")
Q = TypeVar("Q")

log = logging.getLogger(__name__)


class Service:
    """What the handlers and the background work of one service share."""

    def __init__(self, name: str, settings: Settings, bus: Bus, database: Database) -> None:
        self.name = name
        self.settings = settings
        self.bus = bus
        self.database = database
        self.relay = Relay(bus, database, settings)
        self.turns = Turns()
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


class Handler(msgspec.Struct, frozen=True):
    """One function that answers one question, and what it is given to do so."""

    question: type[Ask[Any]]
    bind: Callable[[Service], Answerer]


class Listener(msgspec.Struct, frozen=True):
    """One function that acts on one kind of fact of another service: ``(tx, event)``, in a transaction."""

    event: type[Event]
    act: Callable[[databases.Connection, Any], Awaitable[None]]


Background = Callable[[Service], Awaitable[None]]
# Asked for whenever somebody reads the metrics.
Probe = Callable[[Service], Awaitable[Iterable[Metric]]]


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
            return await handle(service, question)
        settings = service.settings
        forgotten = idempotency.forgotten_at(settings, datetime.now(UTC))
        async with service.turns.take(once, settings.idempotency_wait_seconds) as left:
            attempt = Attempt(service.database, once, sealer, forgotten, wait_seconds=left, confidential=confidential)
            given = await idempotency.carry_out(attempt, lambda: handle(service.at(attempt), question))
        service.relay.nudge()
        return given

    return answer


def main(
    name: str,
    handlers: Sequence[Handler],
    listeners: Sequence[Listener] = (),
    background: Sequence[Background] = (),
    probes: Sequence[Probe] = (),
    *,
    young_objects: int = heap.YOUNG_OBJECTS,
) -> None:
    """Runs the service until SIGTERM or SIGINT; exit status 0 after a clean stop."""
    heap.settle(young_objects)
    try:
        settings = Settings.read(os.environ)
        for needed in ("database_url", "secret_key"):
            if not getattr(settings, needed):
                raise SettingsError(f"{variable(needed)}: the {name} service cannot do without it")
    except SettingsError as error:
        sys.exit(f"waypost {name}: {error}")
    logs.set_up(settings)
    try:
        with TRACING.begin(name, settings):
            uvloop.run(_run(name, settings, handlers, listeners, background, probes))
    except SettingsError as error:
        sys.exit(f"waypost {name}: {error}")
    except Exception:
        log.critical("The %s service has failed", name, exc_info=True)
        sys.exit(1)


async def _run(
    name: str,
    settings: Settings,
    handlers: Sequence[Handler],
    listeners: Sequence[Listener],
    background: Sequence[Background],
    probes: Sequence[Probe],
) -> None:
    stop = _Stop()
    readiness = Readiness(settings)
    watch = Watch(name, settings, readiness)
    try:
        async with watch.open(), buses.connect(settings) as bus, databases.connect(settings, name) as database:
            await bus.ensure_streams()
            service = Service(name, settings, bus, database)
            watch.reached(bus, database)
            for probe in probes:
                watch.ask(probe.__name__, partial(probe, service))
            answering = Answering(bus, settings, name, {entry.question: entry.bind(service) for entry in handlers})
            await answering.start()
            work = [asyncio.create_task(service.relay.run(), name="outbox")]
            work += [asyncio.create_task(listen(service, each), name=each.event.__name__) for each in listeners]
            work += [asyncio.create_task(_keep_on(each(service)), name=each.__name__) for each in background]
            work.append(asyncio.create_task(idempotency.forget(database, settings), name="old answers"))
            work += [asyncio.create_task(bus.closed(), name="connection to NATS")]
            work += [asyncio.create_task(watch.keep(bus), name="watch")]
            readiness.reached(bus, database)
            log.info("The %s service answers", name)
            try:
                await _until(stop, work)
            finally:
                readiness.stopping = True
                await answering.stop()
                await cancel(work)
            await service.relay.finish()
    except asyncio.CancelledError:
        if not stop.asked.is_set():
            raise
    log.info("The %s service has stopped", name)


class _Stop:
    """SIGTERM and SIGINT: they end a process that still waits for its servers, and ask one that answers to stop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._starting = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._ask)

    async def wait(self) -> None:
        self._starting = None
        await self.asked.wait()

    def _ask(self) -> None:
        self.asked.set()
        if self._starting:
            self._starting.cancel()


async def _keep_on(work: Awaitable[None]) -> None:
    await work


async def _until(stop: _Stop, work: Sequence[asyncio.Task[None]]) -> None:
    """Waits for the signal; background work that ends before it is a defect, and ends the process with it."""
    signalled = asyncio.create_task(stop.wait())
    ended, _ = await asyncio.wait([signalled, *work], return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        if task is not signalled:
            signalled.cancel()
            raise RuntimeError(f"The background work {task.get_name()!r} has ended") from task.exception()


async def listen(service: Service, listener: Listener) -> None:
    """Takes facts in, one transaction each, in the order in which they were told as long as none is refused.

    A fact that cannot be taken in is offered again, ever more slowly and without end; the others go on meanwhile.
    """
    settings = service.settings
    puller = await _puller(service, subject_of(listener.event))
    waiting: deque[Delivery] = deque()
    try:
        while True:
            while waiting:
                await _take_in(service, listener, waiting[0])
                waiting.popleft()
            try:
                waiting.extend(await puller.fetch(settings.outbox_batch, settings.ingest_wait_seconds))
            except Fault as fault:
                log.info("Facts wait: %s", fault.message)
                await asyncio.sleep(settings.bus_reconnect_wait_seconds)
    finally:
        # Given back, they go to another copy at once; otherwise the server would first wait for us in vain.
        for delivery in waiting:
            await delivery.later(0)
        await puller.close()


async def _puller(service: Service, subject: str) -> Puller:
    settings = service.settings
    durable = f"{service.name}-{subject.replace('.', '-')}"
    while True:
        try:
            return await service.bus.pull(
                EVENTS_STREAM,
                durable,
                subject,
                # A fact is offered until it is taken in: leaving one out would leave the two services apart for good.
                deliveries=-1,
                ack_wait=settings.ingest_ack_wait_seconds,
            )
        except Fault as fault:
            log.info("Facts wait: %s", fault.message)
            await asyncio.sleep(settings.bus_reconnect_wait_seconds)


async def _take_in(service: Service, listener: Listener, delivery: Delivery) -> None:
    settings = service.settings
    try:
        async with asyncio.timeout(settings.ingest_ack_wait_seconds), service.transaction() as tx:
            await listener.act(tx, msgspec.msgpack.decode(delivery.data, type=listener.event))
    except Exception as error:
        pause = min(
            settings.listen_retry_seconds * 2 ** min(delivery.times - 1, 30), settings.listen_retry_most_seconds
        )
        # A fault has said its word where it arose, a crash is a defect of ours.
        crash = None if isinstance(error, Fault) else error
        log.error("A fact could not be taken in: %s", error, exc_info=crash, extra=_about(delivery, pause))
        await delivery.later(pause)
    else:
        await delivery.done()


def _about(delivery: Delivery, pause: float) -> dict[str, object]:
    return {"subject": delivery.subject, "deliveries": delivery.times, "next_in_seconds": pause}


def _question_of(handle: Callable[..., Awaitable[Any]]) -> type[Ask[Any]]:
    """The type of the second parameter; the function must answer what that question names."""
    hints = typing.get_type_hints(handle)
    parameters = [hint for name, hint in hints.items() if name != "return"]
    question: type[Ask[Any]] = parameters[1]
    if hints["return"] != answer_of(question):
        raise TypeError(f"{handle.__name__} answers {hints['return']}, but {question.__name__} asks for something else")
    return question
