"""What has to be asked for before it can be told: how much waits in a table, or in a stream."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import asyncpg
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.faults import Fault
from shared.settings import Settings

Probe = Callable[[], Awaitable[Iterable[Metric]]]


class Probes(Collector):
    """Asked when somebody reads the metrics, all at the same time, and not again for the next reader right after.

    What could not be asked for is left out: no number is better than an old one.
    """

    def __init__(self, settings: Settings) -> None:
        self._pause_seconds = settings.metrics_probe_seconds
        self._timeout_seconds = settings.metrics_probe_timeout_seconds
        self._probes: dict[str, Probe] = {}
        self._found: dict[str, list[Metric]] = {}
        self._looked_at = -self._pause_seconds
        self._looking: asyncio.Task[None] | None = None

    def add(self, name: str, probe: Probe) -> None:
        self._probes[name] = probe

    async def look(self) -> None:
        """Returns when the numbers are as new as agreed."""
        if self._looking is None and time.monotonic() - self._looked_at >= self._pause_seconds:
            self._looking = asyncio.create_task(self._look(), name="probes")
        if self._looking is not None:
            # Whoever asks may go; the others wait for the same look.
            await asyncio.shield(self._looking)

    def collect(self) -> Iterator[Metric]:
        succeeded = GaugeMetricFamily(
            "waypost_probe_success", "1 if what a probe asks for was told at the last look, else 0.", labels=["probe"]
        )
        for name in self._probes:
            succeeded.add_metric([name], float(name in self._found))
        yield succeeded
        for families in self._found.values():
            yield from families

    async def _look(self) -> None:
        try:
            found = await asyncio.gather(*map(self._ask, self._probes.values()))
            self._found = {name: each for name, each in zip(self._probes, found, strict=True) if each is not None}
        finally:
            self._looked_at = time.monotonic()
            self._looking = None

    async def _ask(self, probe: Probe) -> list[Metric] | None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return list(await probe())
        except (Fault, TimeoutError, asyncpg.PostgresError):
            return None
