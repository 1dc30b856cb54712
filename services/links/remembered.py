"""What a broad search has cost once and need not cost again: its total, and where pages that were shown begin.

Each is trusted as long as no link of the workspace has changed since, which the database tells by a number.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime

import msgspec

from shared.contracts.links import Link, Order, SearchLinks

MARKS = 16  # for one search

Key = tuple[Hashable, ...]


class Mark(msgspec.Struct, frozen=True):
    """The first link of a page, and how many come before it in this order."""

    order: Order
    offset: int
    created_at: datetime
    link: str


class Search(msgspec.Struct):
    """A question without its page, as of one version of its workspace's links."""

    version: int
    total: int
    marks: list[Mark] = []

    def mark(self, order: Order, offset: int, first: Link) -> None:
        mark = Mark(order, offset, first.created_at, first.id)
        if mark not in self.marks:
            self.marks = [mark, *self.marks[: MARKS - 1]]

    def nearest(self, order: Order, offset: int) -> Mark | None:
        """The last one that is not behind ``offset``."""
        before = [mark for mark in self.marks if mark.order is order and mark.offset <= offset]
        return max(before, key=lambda mark: mark.offset, default=None)


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
    return ask.workspace, ask.mode, ask.search, ask.status, ask.tag, ask.archived
