"""How every service runs: connect, wait for the schema, answer its questions, tell its facts, stop cleanly."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import uvloop
from prometheus_client.core import Metric

from shared import bus as buses
from shared import database as databases
from shared import heap, idempotency
from shared import log as logs
from shared.answering import Answering
from shared.metrics.watch import Watch
from shared.readiness import Readiness
from shared.service.handlers import Handler
from shared.service.instance import Service
from shared.service.listeners import Listener, listen
from shared.settings import Settings, SettingsError, variable
from shared.stopping import cancel
from shared.tracing import TRACING

log = logging.getLogger(__name__)

Background = Callable[[Service], Awaitable[None]]
# Asked for whenever somebody reads the metrics.
Probe = Callable[[Service], Awaitable[Iterable[Metric]]]


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
