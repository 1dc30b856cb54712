"""A page of a long list, read from the nearest place that is known to come before it."""

from services.links import store_blocks, store_search
from services.links.remembered import Search
from services.links.store_blocks import AGE, BEHIND, CLICKS
from services.links.store_search import Start
from shared.contracts.links import Link, Order, SearchLinks, Sort
from shared.database import Connection

# To pass over fewer links than this takes less time than to look for a nearer place.
FAR = 5_000


async def read_page(db: Connection, ask: SearchLinks, search: Search) -> tuple[Link, ...]:
    """Whichever end of the list is nearer, there the walk to the page begins."""
    length = min(ask.limit, search.total - ask.offset)
    if length <= 0:
        return ()
    behind = search.total - ask.offset - length
    if behind >= ask.offset:
        return await _walk(db, ask, search, ask.order, length, ask.offset)
    other_way = Order.ASC if ask.order is Order.DESC else Order.DESC
    return (await _walk(db, ask, search, other_way, length, behind))[::-1]


async def _walk(
    db: Connection, ask: SearchLinks, search: Search, order: Order, length: int, offset: int
) -> tuple[Link, ...]:
    start = await _start(db, ask, search, order, offset)
    links = await store_search.list_page(db, ask, order, search.total, length, start)
    if links and _is_marked(ask):
        search.mark(order, offset, links[0])
    return links


async def _start(db: Connection, ask: SearchLinks, search: Search, order: Order, offset: int) -> Start:
    if _is_marked(ask) and (mark := search.nearest(order, offset)):
        rest = offset - mark.offset
        if order is Order.ASC:
            return Start(rest, since=(mark.created_at, mark.link))
        return Start(rest, before=(mark.created_at, mark.link + BEHIND))
    if ask.search is None and ask.tag is None and offset > FAR:
        return await _block_start(db, ask, order, offset)
    return Start(offset)


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


# The order by clicks may have changed though no link has.
def _is_marked(ask: SearchLinks) -> bool:
    return ask.search is not None and ask.sort is Sort.CREATED_AT
