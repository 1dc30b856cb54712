"""The sums of many visits go into the tables, in the transaction that records where they came from.

Tables and rows are always locked in the same order: visitors, links, workspaces, totals, each by its key.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from services.analytics import store, store_days, store_visitors, tallies
from services.analytics.rollups import LinkDay, RollUps, Views, WorkspaceDay
from services.analytics.store_days import LinkDayRow, WorkspaceDayRow
from services.analytics.tallies import Tally
from shared.database import Connection
from shared.settings import Settings

T = TypeVar("T")


async def count(tx: Connection, sums: RollUps, settings: Settings) -> None:
    await _count_visitors(tx, sums, settings)
    # In steps, because each holds up whoever asks this copy for a report meanwhile.
    for links in _pages(sums.link_days(), settings.rollup_rows):
        await _count_links(tx, links, settings.values_per_day)
    for workspaces in _pages(sums.workspace_days(), settings.rollup_rows):
        await _count_workspaces(tx, workspaces, settings.values_per_day)
    await store.upsert_link_totals(tx, sums.link_totals())
    await store.upsert_profile_totals(tx, sums.profile_totals())


async def _count_visitors(tx: Connection, sums: RollUps, settings: Settings) -> None:
    entries = sums.visitors.entries()
    new = [
        entry
        for page in _pages(entries, settings.rollup_rows)
        for entry in await store_visitors.insert_visitors(tx, page)
    ]
    sums.begin(new)
    began = {entry[:4] for entry in new}
    known = [entry for entry in entries if entry[:4] not in began]
    for page in _pages(known, settings.rollup_rows):
        sums.stay(await store_visitors.update_single_visitors(tx, page))
    at_entry = {entry[:5] for entry in new}
    elsewhere = [arrival for arrival in sums.visitors.arrivals() if arrival not in at_entry]
    for came in _pages(elsewhere, settings.rollup_rows):
        sums.arrive(await store_visitors.insert_arrivals(tx, came))


async def _count_links(tx: Connection, counted: Sequence[tuple[LinkDay, Tally]], most: int) -> None:
    rows = [_link_row(key, tally, b"", most) for key, tally in counted]
    new = await store_days.insert_link_days(tx, rows)
    known = [(key, tally) for key, tally in counted if key not in new]
    if known:
        stored = await store_days.list_link_details(tx, [key for key, _ in known])
        await store_days.upsert_link_days(
            tx, [_link_row(key, tally, details, most) for (key, tally), details in zip(known, stored, strict=True)]
        )


async def _count_workspaces(tx: Connection, counted: Sequence[tuple[WorkspaceDay, Tally, Views]], most: int) -> None:
    rows = [_workspace_row(key, tally, views, b"", most) for key, tally, views in counted]
    new = await store_days.insert_workspace_days(tx, rows)
    known = [each for each in counted if each[0] not in new]
    if known:
        stored = await store_days.list_workspace_details(tx, [key for key, _, _ in known])
        await store_days.upsert_workspace_days(
            tx, [_workspace_row(*each, details, most) for each, details in zip(known, stored, strict=True)]
        )


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


def _pages(rows: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (rows[begin : begin + most] for begin in range(0, len(rows), most))
