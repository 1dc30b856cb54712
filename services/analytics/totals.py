"""Running totals go back to those they belong to, as absolute numbers: said twice or late, they do no harm."""

import asyncio
from collections.abc import Awaitable, Callable

from services.analytics import store, store_codes
from services.analytics.reach import Reach
from shared.contracts.links import RecordTotals
from shared.contracts.links.qr_codes import RecordScans
from shared.contracts.profile import RecordViews
from shared.database import Connection
from shared.faults import Fault
from shared.service import Service

# Tells one page of totals in the given transaction; answers whether there may be more.
Tell = Callable[[Connection], Awaitable[bool]]


async def report_links(service: Service) -> None:
    """Tells `links` how often each link has been clicked."""
    after = ""

    async def tell(tx: Connection) -> bool:
        nonlocal after
        totals = await store.list_due_links(tx, after, service.settings.totals_batch)
        if totals:
            await service.bus.ask(RecordTotals(totals=tuple(totals)))
            await store.update_reported_links(tx, totals)
        more = len(totals) == service.settings.totals_batch
        # From the last one on, so that links which are clicked all the time do not keep the others waiting.
        after = totals[-1].link if more else ""
        return more

    await _report(service, "the links service", "link_totals", tell)


async def report_codes(service: Service) -> None:
    """Tells `links` how often each QR code has been scanned."""
    after = ""

    async def tell(tx: Connection) -> bool:
        nonlocal after
        totals = await store_codes.list_due_codes(tx, after, service.settings.totals_batch)
        if totals:
            await service.bus.ask(RecordScans(totals=tuple(totals)))
            await store_codes.update_reported_codes(tx, totals)
        more = len(totals) == service.settings.totals_batch
        after = totals[-1].code if more else ""
        return more

    await _report(service, "the links service", "code_totals", tell)


async def report_profiles(service: Service) -> None:
    """Tells `profile` how often each profile has been viewed."""
    after = ("", "")

    async def tell(tx: Connection) -> bool:
        nonlocal after
        totals = await store.list_due_profiles(tx, *after, service.settings.totals_batch)
        if totals:
            await service.bus.ask(RecordViews(totals=tuple(totals)))
            await store.update_reported_profiles(tx, totals)
        more = len(totals) == service.settings.totals_batch
        after = (totals[-1].workspace, totals[-1].mode) if more else ("", "")
        return more

    await _report(service, "the profile service", "profile_totals", tell)


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
