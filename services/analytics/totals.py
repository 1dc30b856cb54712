"""Running totals go back to those they belong to, as absolute numbers: said twice or late, they do no harm."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from services.analytics import store, store_codes
from services.analytics.reach import Reach
from shared.contracts.ask import Ask
from shared.contracts.links import RecordTotals
from shared.contracts.links.qr_codes import RecordScans
from shared.contracts.profile import RecordViews
from shared.database import Connection
from shared.faults import Fault
from shared.service import Service

T = TypeVar("T")
K = TypeVar("K")
# Tells one page of totals in the given transaction; answers whether there may be more.
Tell = Callable[[Connection], Awaitable[bool]]


async def report_links(service: Service) -> None:
    """Tells `links` how often each link has been clicked."""
    tell = _pages(
        service,
        begin="",
        find=store.list_due_links,
        question=lambda totals: RecordTotals(totals=totals),
        note=store.update_reported_links,
        place=lambda total: total.link,
    )
    await _report(service, "the links service", "link_totals", tell)


async def report_codes(service: Service) -> None:
    """Tells `links` how often each QR code has been scanned."""
    tell = _pages(
        service,
        begin="",
        find=store_codes.list_due_codes,
        question=lambda totals: RecordScans(totals=totals),
        note=store_codes.update_reported_codes,
        place=lambda total: total.code,
    )
    await _report(service, "the links service", "code_totals", tell)


async def report_profiles(service: Service) -> None:
    """Tells `profile` how often each profile has been viewed."""
    tell = _pages(
        service,
        begin=("", ""),
        find=lambda tx, after, most: store.list_due_profiles(tx, *after, most),
        question=lambda totals: RecordViews(totals=totals),
        note=store.update_reported_profiles,
        place=lambda total: (total.workspace, total.mode),
    )
    await _report(service, "the profile service", "profile_totals", tell)


def _pages(
    service: Service,
    *,
    begin: K,
    find: Callable[[Connection, K, int], Awaitable[list[T]]],
    question: Callable[[tuple[T, ...]], Ask[None]],
    note: Callable[[Connection, Sequence[T]], Awaitable[None]],
    place: Callable[[T], K],
) -> Tell:
    """One page of what is due with each call, and from the beginning again after the last one."""
    after, most = begin, service.settings.totals_batch

    async def tell(tx: Connection) -> bool:
        nonlocal after
        totals = await find(tx, after, most)
        if totals:
            await service.bus.ask(question(tuple(totals)))
            await note(tx, totals)
        more = len(totals) == most
        # From the last one on, so that what is counted all the time does not keep the others waiting.
        after = place(totals[-1]) if more else begin
        return more

    return tell


async def _report(service: Service, partner: str, table: str, tell: Tell) -> None:
    settings = service.settings
    reach = Reach(partner, settings.totals_flush_seconds, settings.ingest_backoff_seconds)
    while True:
        try:
            while await _tell_page(service, table, tell):
                pass
        except Fault as fault:
            reach.lost(fault)
        else:
            reach.found()
        await asyncio.sleep(reach.pause)


async def _tell_page(service: Service, table: str, tell: Tell) -> bool:
    # No row is locked while the answer is awaited: a partner that hangs must not hold up the counting.
    async with service.database.transaction() as tx:
        return await store.try_lock(tx, table) and await tell(tx)
