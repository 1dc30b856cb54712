"""What went over the bus, as this process has seen it."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.metrics.cells import Tallies, Timings

# Outcomes beside the codes of faults.
DONE = "done"
LEFT = "left"  # whoever wanted it has gone, or this process stops
LATE = "late"  # it came after its deadline and was not carried out


class BusCounts(Collector):
    """One for each connection. Subjects follow from types, so there are only so many."""

    def __init__(self, connected: Callable[[], bool]) -> None:
        self._connected = connected
        named = ["subject"]
        ended = ["subject", "outcome"]
        self._asked = Tallies("waypost_bus_asked", "Questions asked, by how they ended.", ended)
        self._asking = Timings("waypost_bus_ask_seconds", "Time from a question to its answer.", named)
        self._answered = Tallies("waypost_bus_answered", "Questions answered here, by how that ended.", ended)
        self._answering = Timings("waypost_bus_answer_seconds", "Time in which a question was answered here.", named)
        self._published = Tallies("waypost_bus_published", "Messages for the streams, by how that ended.", ended)
        self._gaps = Tallies("waypost_bus_gaps", "How often events may have been missed.", [])

    def asked(self, subject: str, outcome: str, seconds: float) -> None:
        self._asked.add(subject, outcome)
        self._asking.of(subject).add(seconds)

    def answered(self, subject: str, outcome: str, seconds: float) -> None:
        self._answered.add(subject, outcome)
        self._answering.of(subject).add(seconds)

    def published(self, subject: str, outcome: str) -> None:
        self._published.add(subject, outcome)

    def gap(self) -> None:
        self._gaps.add()

    def collect(self) -> Iterator[Metric]:
        for part in (self._asked, self._asking, self._answered, self._answering, self._published, self._gaps):
            yield from part.collect()
        yield GaugeMetricFamily("waypost_bus_connected", "1 while NATS is connected, else 0.", float(self._connected()))
