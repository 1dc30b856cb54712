"""How busy the connections of a service are, and what waits in its outbox."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.database import Database
from shared.outbox import Backlog


class PoolCollector(Collector):
    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        use = self._database.use
        for name, words, value in (
            ("in_use", "Connections to the database that somebody uses right now.", use.in_use),
            ("open", "Connections to the database that are open.", self._database.open_connections),
            ("most", "Connections to the database that this process opens at most.", self._database.most_connections),
        ):
            yield GaugeMetricFamily(f"waypost_database_connections_{name}", words, value)
        yield GaugeMetricFamily(
            "waypost_database_waiting", "Questions that wait for a connection right now.", use.waiting
        )
        for name, words, value in (
            ("taken", "How often a connection was taken.", use.taken),
            ("waited", "How often somebody had to wait for one.", use.waited),
            ("timeouts", "How often none was free in time.", use.timeouts),
            ("failures", "How often the database could not be reached, or lost somebody's connection.", use.failures),
        ):
            yield CounterMetricFamily(f"waypost_database_{name}", words, value)


def told_of_outbox(backlog: Backlog) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "waypost_outbox_facts", "Facts that wait to be told; a look at more than 10,000 ends there.", backlog.facts
    )
    yield GaugeMetricFamily(
        "waypost_outbox_age_seconds", "How long the oldest of them has waited; 0 without any.", backlog.age_seconds
    )
