"""Who came on which day, where each began, and whether one click was all.

Visitors are known for a day only, because the salt behind their names changes daily. So what is counted of them
can be added up over hours and days, and their names can be forgotten when the day is over.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.analytics.calendar import HOUR_MS, date_of
from shared.contracts.analytics import Visit


class Visitor(NamedTuple):
    """Of one day, in one workspace and mode."""

    day: date
    workspace: str
    mode: str
    visitor: bytes


class Entry(NamedTuple):
    day: date
    workspace: str
    mode: str
    visitor: bytes
    link: str  # where the visitor began
    single: bool  # one click so far


class Arrival(NamedTuple):
    """A visitor's first click of the day on a link."""

    day: date
    workspace: str
    mode: str
    visitor: bytes
    link: str


class Visitors:
    """The clicks of people, by visitor. What comes out is sorted, so that copies lock rows in one order."""

    def __init__(self) -> None:
        # When each link was first clicked, for each visitor of each day (its number since 1970).
        self._first: dict[tuple[int, str, str, bytes], dict[str, int]] = {}
        self._several: set[tuple[int, str, str, bytes]] = set()

    def add(self, day: int, visit: Visit) -> None:
        key = (day, visit.workspace, visit.mode, visit.visitor)
        firsts = self._first.get(key)
        if firsts is None:
            self._first[key] = {visit.link: visit.at}
            return
        self._several.add(key)
        if visit.at < firsts.get(visit.link, visit.at + 1):
            firsts[visit.link] = visit.at

    def entries(self) -> Iterator[Entry]:
        """One for each visitor, as it is if the visitor has not been here before."""
        for key in sorted(self._first):
            day, workspace, mode, visitor = key
            firsts = self._first[key]
            link = min(firsts, key=firsts.__getitem__)
            yield Entry(date_of(day), workspace, mode, visitor, link, key not in self._several)

    def arrivals(self) -> Iterator[Arrival]:
        """One for each visitor and link."""
        for key in sorted(self._first):
            day, workspace, mode, visitor = key
            for link in sorted(self._first[key]):
                yield Arrival(date_of(day), workspace, mode, visitor, link)

    def hour(self, day: int, arrival: Arrival | Entry) -> int:
        """The hour of the day in which it was."""
        firsts = self._first[day, arrival.workspace, arrival.mode, arrival.visitor]
        return firsts[arrival.link] // HOUR_MS % 24
