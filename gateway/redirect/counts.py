"""What a worker's journals have done, as plain numbers, and how Prometheus reads them."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Counts:
    """Each number has one thread that adds to it, so none needs a lock."""

    def __init__(self) -> None:
        self.appended = 0  # clicks
        self.appended_bytes = 0
        self.dropped_full = 0  # clicks that came while the journal was at its cap
        self.dropped_disk = 0  # clicks that the disk refused
        self.dropped_malformed = 0  # clicks that no frame can hold
        self.syncs = 0
        self.sync_failures = 0
        self.shipped = 0  # clicks
        self.batches = 0
        self.retries = 0
        self.adopted = 0  # directories of dead workers
        self.torn = 0  # segments whose last frame was cut off
        self.corrupt = 0  # segments and directories put aside

    @property
    def dropped(self) -> int:
        return self.dropped_full + self.dropped_disk + self.dropped_malformed


class JournalCollector(Collector):
    """``waypost_journal_…`` for a registry. ``lag`` tells the bytes that wait to be shipped, ``cap`` how many may."""

    def __init__(self, counts: Counts, lag: Callable[[], int], cap: int) -> None:
        self._counts = counts
        self._lag = lag
        self._cap = cap

    def collect(self) -> Iterator[Metric]:
        counts = self._counts
        dropped = CounterMetricFamily(
            "waypost_journal_dropped", "Clicks that were not written, by reason.", labels=["reason"]
        )
        dropped.add_metric(["full"], counts.dropped_full)
        dropped.add_metric(["disk"], counts.dropped_disk)
        dropped.add_metric(["malformed"], counts.dropped_malformed)
        yield dropped
        for name, value, words in (
            ("appended", counts.appended, "Clicks written to the journal."),
            ("appended_bytes", counts.appended_bytes, "Bytes written to the journal."),
            ("syncs", counts.syncs, "How often the journal was forced to disk."),
            ("sync_failures", counts.sync_failures, "How often the disk refused that."),
            ("shipped", counts.shipped, "Clicks acknowledged by the stream."),
            ("batches", counts.batches, "Batches acknowledged by the stream."),
            ("retries", counts.retries, "Batches that had to be published once more."),
            ("adopted", counts.adopted, "Journals taken over from workers that are gone."),
            ("torn", counts.torn, "Journal files whose last frame was cut off."),
            ("corrupt", counts.corrupt, "Damaged journal files and directories that were put aside."),
        ):
            yield CounterMetricFamily(f"waypost_journal_{name}", words, value)
        yield GaugeMetricFamily("waypost_journal_lag_bytes", "Bytes that wait to be shipped.", self._lag())
        yield GaugeMetricFamily("waypost_journal_cap_bytes", "So many may wait; past it clicks are dropped.", self._cap)
