"""The process itself: who it is, and how late its event loop comes to what is due.

Memory, processor time, open files and the start come from the client library's own collectors.
"""

import asyncio
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.metrics.cells import Timings
from shared.settings import Settings

VERSION = "0.1.0"
_LOOK_SECONDS = 0.5


class ProcessCounts(Collector):
    def __init__(self, service: str, settings: Settings) -> None:
        self._service = service
        self._name = settings.process_name
        self._lateness = Timings("waypost_loop_lag_seconds", "How late the event loop comes to what is due.", [])

    async def keep(self) -> None:
        """For ever: looks at the clock now and then."""
        lateness, loop = self._lateness.of(), asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)
            lateness.add(max(0.0, loop.time() - due))

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "waypost_process_info", "Which process this is; always 1.", labels=["service", "process", "version"]
        )
        info.add_metric([self._service, self._name, VERSION], 1)
        yield info
        yield from self._lateness.collect()
