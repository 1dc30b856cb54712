"""One process as it can be watched: all that it counts in one registry, and the listener that tells it."""

import contextlib
from collections.abc import AsyncIterator, Iterable

from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from shared import outbox
from shared.bus import Bus
from shared.database import Database
from shared.metrics.bus import backlogs
from shared.metrics.database import PoolCollector, told_of_outbox
from shared.metrics.listener import Listener
from shared.metrics.probes import Probe, Probes
from shared.metrics.process import ProcessCounts
from shared.readiness import Readiness
from shared.settings import Settings
from shared.stopping import together


class Watch:
    """Made once in a process. `open` it before the servers are reached, and tell it when they are."""

    def __init__(self, service: str, settings: Settings, readiness: Readiness) -> None:
        self._process = ProcessCounts(service, settings)
        self._probes = Probes(settings)
        self._listener = Listener(settings, readiness.word, self._probes)
        for collector in (self._process, self._probes):
            REGISTRY.register(collector)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self._listener.open():
            yield

    def add(self, *collectors: Collector) -> None:
        for collector in collectors:
            REGISTRY.register(collector)

    def ask(self, name: str, probe: Probe) -> None:
        """``probe`` is asked whenever the metrics are read."""
        self._probes.add(name, probe)

    def reached(self, bus: Bus, database: Database | None = None) -> None:
        self.add(bus.counts)
        self.ask("consumers", lambda: backlogs(bus))
        if database is None:
            return
        self.add(PoolCollector(database))

        async def ask_outbox() -> Iterable[Metric]:
            async with database.connection() as db:
                return told_of_outbox(await outbox.backlog(db))

        self.ask("outbox", ask_outbox)

    async def keep(self, bus: Bus) -> None:
        """For ever: what has to be looked at all the time."""
        await together(self._process.keep(), bus.keep_pulse())
