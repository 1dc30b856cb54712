"""Questions about many links at a time, and about their tags."""

import asyncio
from datetime import UTC, datetime

from services.links import fields, pages, store_blocks, store_lists, store_matches, store_search, upkeep
from services.links.remembered import Search, Searches
from services.links.store_blocks import POSITION
from shared import destinations, ids
from shared.contracts.links import (
    ExportLinks,
    ExportPage,
    FindLinks,
    LinkPage,
    ListLinks,
    ListProfileLinks,
    ListTags,
    SearchLinks,
    TagPage,
)
from shared.database import Connection
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.service import Service
from shared.settings import Settings

PAGE_LENGTH = 100
LAST_OFFSET = 1_000_000_000
PROFILE_LINKS = 200
TOO_LONG = "This takes too long right now: a longer text, a tag, a status or an earlier page is quicker"
# What takes longer to pass over is asked for alone, so that no other page waits for it.
NEAR_OFFSET = 1000

_searches = Searches()


async def list_links(service: Service, ask: ListLinks) -> LinkPage:
    _check_page(ask.limit, ask.offset)
    if ask.active is None and ask.offset <= NEAR_OFFSET:
        return await service.gathered(store_lists.list_links, ask)
    async with service.database.connection() as db:
        if ask.offset > pages.FAR:
            return await _list_far(db, ask)
        if ask.active is None:
            (page,) = await store_lists.list_links(db, [ask])
            return page
        links, total = await store_lists.list_links_by_state(
            db, ask.workspace, ask.mode, ask.active, ask.limit, ask.offset
        )
    return LinkPage(links=links, total=total)


async def list_profile_links(db: Connection, ask: ListProfileLinks) -> LinkPage:
    links = await store_lists.list_profile_links(db, ask.workspace, datetime.now(UTC), PROFILE_LINKS)
    return LinkPage(links=links, total=len(links))


async def search_links(service: Service, ask: SearchLinks) -> LinkPage:
    _check_page(ask.limit, ask.offset)
    ask = fields.filtered(ask, OwnHosts.of(service.settings))
    if ask.status is not None:
        await upkeep.note_ends(service, datetime.now(UTC))
    if store_search.is_counted(ask):
        return await _search_counted(service, ask)
    async with service.database.connection() as db:
        search = Search(await store_search.count_links(db, ask))
        links = await pages.read_page(db, ask, search)
    return LinkPage(links=links, total=search.total)


async def find_links(db: Connection, ask: FindLinks) -> LinkPage:
    _check_page(ask.limit, ask.offset)
    url = destinations.check_web_url(ask.destination_url, field="destination_url")
    links, total = await store_lists.find_links(db, ask.workspace, ask.mode, url, ask.limit, ask.offset)
    return LinkPage(links=links, total=total)


async def export_links(service: Service, ask: ExportLinks) -> ExportPage:
    _check_page(ask.limit, 0)
    ask = fields.filtered(ask, OwnHosts.of(service.settings))
    if ask.after is not None and not ids.valid(ask.after):
        raise Fault(Code.INVALID, "There is no such place to go on from", field="after")
    if ask.status is not None:
        await upkeep.note_ends(service, datetime.now(UTC))
    async with service.database.connection() as db:
        links = await store_search.export_links(db, ask)
    return ExportPage(links=links, after=links[-1].id if len(links) == ask.limit else None)


async def list_tags(db: Connection, ask: ListTags) -> TagPage:
    _check_page(ask.limit, ask.offset)
    tags, total = await store_lists.list_tags(db, ask.workspace, ask.mode, ask.limit, ask.offset)
    return TagPage(tags=tags, total=total)


async def _list_far(db: Connection, ask: ListLinks) -> LinkPage:
    place = await store_blocks.find_place(db, ask.workspace, ask.mode, POSITION, ask.offset, active=ask.active)
    if place is None:
        return LinkPage(links=(), total=await store_lists.count_links(db, ask.workspace, ask.mode, ask.active))
    position = store_blocks.first_position(place.block)
    links, total = await store_lists.list_far_links(
        db, ask.workspace, ask.mode, ask.active, position, ask.limit, place.passed_over
    )
    return LinkPage(links=links, total=total)


async def _search_counted(service: Service, ask: SearchLinks) -> LinkPage:
    async with service.database.snapshot() as db:
        try:
            async with asyncio.timeout(service.settings.links_search_seconds):
                search = await _counted(service.settings, db, ask, _searches)
                links = await pages.read_page(db, ask, search)
        except TimeoutError as error:
            raise Fault(Code.UNAVAILABLE, TOO_LONG, retry_after=1) from error
    return LinkPage(links=links, total=search.total)


async def _counted(settings: Settings, db: Connection, ask: SearchLinks, searches: Searches) -> Search:
    """As of the snapshot that ``db`` is in: counted once, and corrected from then on."""
    search = None
    known = searches.get(ask)
    if known is not None and known.moment is not None:
        news = await store_matches.list_edits(db, ask, known.moment, settings.links_edits_corrected)
        search = known.corrected(*news) if news else None
    if search is None:
        search = Search(*await store_matches.count_matches(db, ask))
    if search.moment is not None:
        searches.put(ask, search, settings.links_remembered_searches)
    return search


def _check_page(limit: int, offset: int) -> None:
    if not 1 <= limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} links", field="limit")
    if not 0 <= offset <= LAST_OFFSET:
        raise Fault(Code.INVALID, f"An offset is between 0 and {LAST_OFFSET:,}", field="offset")
