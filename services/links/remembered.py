"""What a broad search has cost once and need not cost again: its total, and where pages that were shown begin and end.

Both are true of one snapshot of the database, and corrected for a later one by what has been edited in between.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from itertools import accumulate

import msgspec

from services.links.store_blocks import BEHIND, Bound
from services.links.store_matches import Edit, Moment
from services.links.store_search import Start
from shared.contracts.links import Link, Order, SearchLinks

MARKS = 32  # for one search, two of each page

Key = tuple[Hashable, ...]


class Mark(msgspec.Struct, frozen=True):
    """A place between two links in the order by age, and how many are older."""

    older: int
    bound: Bound


class Search(msgspec.Struct):
    """A question without its page, as of one moment; without one it is not remembered."""

    total: int
    moment: Moment | None = None
    marks: list[Mark] = []

    def corrected(self, edits: Sequence[Edit], moment: Moment) -> "Search":
        ordered = sorted(edits, key=lambda edit: edit.place)
        places = [edit.place for edit in ordered]
        sums = list(accumulate((edit.step for edit in ordered), initial=0))
        marks = [Mark(mark.older + sums[bisect_left(places, mark.bound)], mark.bound) for mark in self.marks]
        return Search(self.total + sums[-1], moment, marks)

    def mark(self, older: int, links: Sequence[Link]) -> None:
        """Both ends of a page that was read at this moment, the oldest of its ``links`` first."""
        oldest, newest = links[0], links[-1]
        ends = [
            Mark(older, (oldest.created_at, oldest.id)),
            Mark(older + len(links), (newest.created_at, newest.id + BEHIND)),
        ]
        self.marks = [*ends, *(mark for mark in self.marks if mark not in ends)][:MARKS]

    def way(self, older: int, length: int) -> tuple[Order, Start]:
        """The shortest to the page that so many are older than: from an end of the list or from a mark, up or down."""
        newer = self.total - older - length
        ways = [(Order.ASC, Start(older)), (Order.DESC, Start(newer))]
        for mark in self.marks:
            if mark.older <= older:
                ways.append((Order.ASC, Start(older - mark.older, since=mark.bound)))
            if mark.older >= older + length:
                ways.append((Order.DESC, Start(mark.older - older - length, before=mark.bound)))
        return min(ways, key=lambda way: way[1].passed_over)


class Searches:
    """Those that were asked last."""

    def __init__(self) -> None:
        self._searches: OrderedDict[Key, Search] = OrderedDict()

    def get(self, ask: SearchLinks) -> Search | None:
        key = _key(ask)
        search = self._searches.get(key)
        if search is not None:
            self._searches.move_to_end(key)
        return search

    def put(self, ask: SearchLinks, search: Search, most: int) -> None:
        self._searches[_key(ask)] = search
        self._searches.move_to_end(_key(ask))
        while len(self._searches) > most:
            self._searches.popitem(last=False)


def _key(ask: SearchLinks) -> Key:
    return ask.workspace, ask.mode, ask.search, ask.status, ask.tag, ask.archived, ask.domain
