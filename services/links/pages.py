"""A page of a long list, read from the nearest place that is known to come before or after it."""

from services.links import store_blocks, store_search
from services.links.remembered import Search
from services.links.store_blocks import AGE, CLICKS
from services.links.store_search import Start
from shared.contracts.links import Link, Order, SearchLinks, Sort
from shared.database import Connection

# To pass over fewer links than this takes less time than to look for a nearer place.
FAR = 5_000


async def read_page(db: Connection, ask: SearchLinks, search: Search) -> tuple[Link, ...]:
    """Whichever end of the list is nearer, there the walk to the page begins, unless the search knows better."""
    length = min(ask.limit, search.total - ask.offset)
    if length <= 0:
        return ()
    behind = search.total - ask.offset - length
    if store_search.is_counted(ask) and ask.sort is Sort.CREATED_AT:
        return await _read_marked(db, ask, search, length, ask.offset if ask.order is Order.ASC else behind)
    if behind >= ask.offset:
        return await _walk(db, ask, search.total, ask.order, length, ask.offset)
    other_way = Order.ASC if ask.order is Order.DESC else Order.DESC
    return (await _walk(db, ask, search.total, other_way, length, behind))[::-1]


async def _read_marked(db: Connection, ask: SearchLinks, search: Search, length: int, older: int) -> tuple[Link, ...]:
    """The order by age is the one that clicks leave as it is, so its marks stay where they are."""
    order, start = search.way(older, length)
    links = await store_search.list_page(db, ask, order, search.total, length, start)
    if links:
        search.mark(older, links if order is Order.ASC else links[::-1])
    return links if order is ask.order else links[::-1]


async def _walk(
    db: Connection, ask: SearchLinks, total: int, order: Order, length: int, offset: int
) -> tuple[Link, ...]:
    start = Start(offset)
    if not store_search.is_counted(ask) and ask.tag is None and offset > FAR:
        start = await _block_start(db, ask, order, offset)
    return await store_search.list_page(db, ask, order, total, length, start)


async def _block_start(db: Connection, ask: SearchLinks, order: Order, offset: int) -> Start:
    sorting = CLICKS if ask.sort is Sort.CLICKS else AGE
    place = await store_blocks.find_place(
        db, ask.workspace, ask.mode, sorting, offset, order=order, archived=ask.archived, status=ask.status
    )
    if place is None:
        return Start(offset)
    since, before = store_blocks.bounds(sorting, place.block)
    if order is Order.ASC:
        return Start(place.passed_over, since=since)
    return Start(place.passed_over, before=before)
