"""The sums of many visits go into the tables, in the transaction that records where they came from.

Tables and rows are always locked in the same order: visitors, links, workspaces, codes, totals, each by its
key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from services.analytics import store, store_codes, store_days, store_visitors, tallies
from services.analytics.rollups import LinkDay, RollUps, Views, WorkspaceDay
from services.analytics.store_days import LinkDayRow, WorkspaceDayRow
from services.analytics.tallies import Tally
from services.analytics.visitors import Arrival, Entry
from shared.database import Connection
from shared.settings import Settings

T = TypeVar("T")
Key = TypeVar("Key", LinkDay, WorkspaceDay)


class Counting:
    """Remembers which rows it has written lately: for those no numbers of a new row need to be made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Hashes of keys, since a wrong guess does no harm: the row is then made empty and added to like any other.
        self._written: set[int] = set()

    async def count(self, tx: Connection, sums: RollUps) -> None:
        await self.count_days(tx, sums)
        await store.upsert_link_totals(tx, sums.link_totals())
        await store.upsert_profile_totals(tx, sums.profile_totals())
        await store_codes.upsert_code_totals(tx, sums.code_totals())

    async def count_days(self, tx: Connection, sums: RollUps) -> None:
        """All but the totals."""
        await self._count_visitors(tx, sums)
        # In steps, because each holds up whoever asks this copy for a report meanwhile.
        await _one_ahead(
            _pages(sums.link_days(), self._settings.rollup_rows), lambda links: self._count_links(tx, links)
        )
        for workspaces in _pages(sums.workspace_days(), self._settings.rollup_rows):
            await self._count_workspaces(tx, workspaces)
        await store_codes.upsert_code_days(tx, sums.code_days())

    async def _count_visitors(self, tx: Connection, sums: RollUps) -> None:
        begun: set[Arrival] = set()

        async def enter(entries: Sequence[Entry]) -> None:
            new, known = await store_visitors.upsert_visitors(tx, entries)
            sums.begin(new)
            sums.stay(known)
            begun.update(Arrival(*entry[:5]) for entry in new)

        async def arrive(arrivals: Sequence[Arrival]) -> None:
            sums.arrive(await store_visitors.insert_arrivals(tx, arrivals))

        await _one_ahead(_pages(sums.visitors.entries(), self._settings.rollup_rows), enter)
        elsewhere = (arrival for arrival in sums.visitors.arrivals() if arrival not in begun)
        await _one_ahead(_pages(elsewhere, self._settings.rollup_rows), arrive)

    async def _count_links(self, tx: Connection, counted: Sequence[tuple[LinkDay, Tally]]) -> None:
        most = self._settings.values_per_day
        guessed = self._guess([key for key, _ in counted])
        nothing = Tally()
        made = await store_days.insert_link_days(
            tx, [_link_row(key, nothing if key in guessed else tally, b"", most) for key, tally in counted]
        )
        rest = [(key, tally) for key, tally in counted if key in guessed or key not in made]
        if rest:
            stored = await store_days.list_link_details(tx, [key for key, _ in rest])
            await store_days.upsert_link_days(
                tx, [_link_row(key, tally, details, most) for (key, tally), details in zip(rest, stored, strict=True)]
            )

    async def _count_workspaces(self, tx: Connection, counted: Sequence[tuple[WorkspaceDay, Tally, Views]]) -> None:
        most = self._settings.values_per_day
        guessed = self._guess([key for key, _, _ in counted])
        nothing, nobody = Tally(), Views(0, 0)
        made = await store_days.insert_workspace_days(
            tx,
            [
                _workspace_row(key, *((nothing, nobody) if key in guessed else (tally, views)), b"", most)
                for key, tally, views in counted
            ],
        )
        rest = [each for each in counted if each[0] in guessed or each[0] not in made]
        if rest:
            stored = await store_days.list_workspace_details(tx, [key for key, _, _ in rest])
            await store_days.upsert_workspace_days(
                tx, [_workspace_row(*each, details, most) for each, details in zip(rest, stored, strict=True)]
            )

    def _guess(self, keys: Sequence[Key]) -> set[Key]:
        """Those that have been written lately, so they are most likely there; all are remembered for the next time."""
        guessed = {key for key in keys if hash(key) in self._written}
        if len(self._written) + len(keys) > self._settings.rollup_memory_rows:
            self._written.clear()
        self._written.update(map(hash, keys))
        return guessed


async def _one_ahead(pages: Iterator[Sequence[T]], act: Callable[[Sequence[T]], Awaitable[None]]) -> None:
    """``act`` on each, one after the other; the next one is made while the database works on the last."""
    page = next(pages, None)
    while page is not None:
        acting = asyncio.ensure_future(act(page))
        try:
            await asyncio.sleep(0)  # so that the statement is on its way
            page = next(pages, None)
        except BaseException:
            # The connection is free again before anybody rolls the transaction back.
            acting.cancel()
            await asyncio.wait([acting])
            raise
        await acting


def _link_row(key: LinkDay, tally: Tally, stored: bytes, most: int) -> LinkDayRow:
    return LinkDayRow(
        *key,
        clicks=len(tally.clicks),
        bots=tally.bots,
        took_us=tally.took_us,
        uniques=len(tally.uniques),
        entries=tally.entries,
        bounces=tally.bounces,
        details=tallies.merge(stored, tally, most),
    )


def _workspace_row(key: WorkspaceDay, tally: Tally, views: Views, stored: bytes, most: int) -> WorkspaceDayRow:
    return WorkspaceDayRow(
        *key,
        clicks=len(tally.clicks),
        bots=tally.bots,
        views=views.people,
        view_bots=views.bots,
        took_us=tally.took_us,
        uniques=len(tally.uniques),
        entries=tally.entries,
        bounces=tally.bounces,
        details=tallies.merge(stored, tally, most),
    )


def _pages(rows: Iterable[T], most: int) -> Iterator[Sequence[T]]:
    """Taken from ``rows`` when they are asked for, so that others get their turn between two pages."""
    left = iter(rows)
    while page := list(islice(left, most)):
        yield page
