"""Numbers for places where every microsecond counts: plain ones, which get their shape when Prometheus reads them.

They belong to the thread of the event loop, so none of them needs a lock. Labels must come from closed lists: each
combination that was ever seen stays.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

# From a redirect out of memory to a deadline that has passed, in seconds.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Tallies(Collector):
    """How often something has happened, by labels."""

    def __init__(self, name: str, words: str, labels: Sequence[str]) -> None:
        self._name = name
        self._words = words
        self._labels = labels
        # What has no labels is told before it has happened, so that its first time shows as growth.
        self._numbers: dict[tuple[str, ...], int] = {} if labels else {(): 0}

    def add(self, *labels: str) -> None:
        self._numbers[labels] = self._numbers.get(labels, 0) + 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._words, labels=self._labels)
        for labels, number in self._numbers.items():
            family.add_metric(labels, number)
        yield family


class Timing:
    """A histogram with one set of labels."""

    __slots__ = ("numbers", "seconds")

    def __init__(self) -> None:
        self.numbers = [0] * (len(BOUNDS) + 1)  # the last: longer than all bounds
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.numbers[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Timings(Collector):
    """How long something has taken, by labels."""

    def __init__(self, name: str, words: str, labels: Sequence[str]) -> None:
        self._name = name
        self._words = words
        self._labels = labels
        self._timings: dict[tuple[str, ...], Timing] = {} if labels else {(): Timing()}

    def of(self, *labels: str) -> Timing:
        timing = self._timings.get(labels)
        if timing is None:
            timing = self._timings[labels] = Timing()
        return timing

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._words, labels=self._labels)
        for labels, timing in self._timings.items():
            family.add_metric(labels, _cumulative(timing.numbers), timing.seconds)
        yield family


def _cumulative(numbers: Sequence[int]) -> list[tuple[str, int]]:
    buckets, total = [], 0
    for bound, number in zip((*BOUNDS, None), numbers, strict=True):
        total += number
        buckets.append(("+Inf" if bound is None else str(bound), total))
    return buckets
