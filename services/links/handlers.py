"""What can be asked of links."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from services.links import fields, slugs, store, store_visits
from shared import ids, outbox, passwords
from shared.contracts.links import (
    CreateLink,
    DeleteLink,
    GetLink,
    Link,
    LinkCreated,
    LinkDeleted,
    LinkPage,
    LinkUpdated,
    ListLinks,
    ListProfileLinks,
    RecordTotals,
    Resolve,
    Resolved,
    Unlock,
    UpdateLink,
)
from shared.database import Connection
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.service import Service, read, whole, write

SLUG_TRIES = 5  # the first one is free unless thousands of millions of links are there already
PAGE_LENGTH = 100
LAST_OFFSET = 1_000_000_000
PROFILE_LINKS = 200
TOTALS = 10_000  # in one report

# What an update may name that is not a value of the link itself.
_ADDRESS = frozenset({"workspace", "mode", "id", "password"})


async def create_link(service: Service, ask: CreateLink) -> Link:
    ask = fields.checked(ask, OwnHosts.of(service.settings), datetime.now(UTC))
    if ask.domain:
        raise Fault(Code.IMPOSSIBLE, "There is no such domain in this workspace", field="domain")
    password_hash = await _hash_of(ask.password)
    async with service.transaction() as tx:
        link = await _insert(tx, ask, password_hash)
        await outbox.tell(tx, LinkCreated(link=link))
    return link


async def get_link(db: Connection, ask: GetLink) -> Link:
    link = await store.find_link(db, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if link is None:
        raise _absent()
    return link


async def list_links(db: Connection, ask: ListLinks) -> LinkPage:
    if not 1 <= ask.limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} links", field="limit")
    if not 0 <= ask.offset <= LAST_OFFSET:
        raise Fault(Code.INVALID, f"An offset is between 0 and {LAST_OFFSET:,}", field="offset")
    if ask.active is None:
        links, total = await store.list_links(db, ask.workspace, ask.mode, ask.limit, ask.offset)
    else:
        links, total = await store.list_links_by_state(db, ask.workspace, ask.mode, ask.active, ask.limit, ask.offset)
    return LinkPage(links=links, total=total)


async def list_profile_links(db: Connection, ask: ListProfileLinks) -> LinkPage:
    links = await store.list_profile_links(db, ask.workspace, datetime.now(UTC), PROFILE_LINKS)
    return LinkPage(links=links, total=len(links))


async def update_link(service: Service, ask: UpdateLink) -> Link:
    ask = fields.checked(ask, OwnHosts.of(service.settings), datetime.now(UTC))
    if not ids.valid(ask.id):
        raise _absent()
    password_hash = await _hash_of(ask.password)
    async with service.transaction() as tx:
        before = await store.find_link_for_update(tx, ask.workspace, ask.mode, ask.id)
        if before is None:
            raise _absent()
        wanted = msgspec.structs.replace(before, **_changes(ask))
        link = await store.update_link(tx, wanted, password_hash, new_password=ask.password is not UNSET)
        if link is None:
            raise _taken(wanted.slug)
        if link.active != before.active:
            joining = 1 if link.active else -1
            await store.update_counts(tx, link.workspace, link.mode, active=joining, inactive=-joining)
        former_slug = before.slug if before.slug != link.slug else None
        await outbox.tell(tx, LinkUpdated(link=link, former_slug=former_slug))
    return link


async def delete_link(tx: Connection, ask: DeleteLink) -> None:
    link = await store.delete_link(tx, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if link is None:
        raise _absent()
    await outbox.tell(tx, LinkDeleted(link=link))


async def resolve(db: Connection, ask: Resolve) -> Resolved:
    if not _findable(ask):
        return Resolved()
    found = await store_visits.find_target(db, ask.domain, ask.slug)
    return Resolved(target=found[0]) if found else Resolved()


async def unlock(service: Service, ask: Unlock) -> Resolved:
    if not _findable(ask):
        return Resolved()
    with passwords.place() as place:
        # The connection is given back before the hash, which takes tens of milliseconds.
        async with service.database.connection() as db:
            found = await store_visits.find_target(db, ask.domain, ask.slug)
        if found is None:
            return Resolved()
        target, password_hash = found
        if password_hash is not None and not await place.matches(ask.password, password_hash):
            return Resolved()
    return Resolved(target=target)


async def record_totals(tx: Connection, ask: RecordTotals) -> None:
    if len(ask.totals) > TOTALS:
        raise Fault(Code.INVALID, f"A report has at most {TOTALS:,} totals", field="totals")
    await store_visits.update_totals(tx, ask.totals)


def _findable(ask: Resolve | Unlock) -> bool:
    """Visitors may ask for anything; what cannot be there, or would be no text to PostgreSQL, is not looked for."""
    return slugs.valid(ask.slug) and "\0" not in ask.domain


async def _insert(tx: Connection, ask: CreateLink, password_hash: str | None) -> Link:
    if ask.slug is not None:
        link = await store.insert_link(tx, ids.new(), ask.slug, ask, password_hash)
        if link is None:
            raise _taken(ask.slug)
        return link
    for _ in range(SLUG_TRIES):
        link = await store.insert_link(tx, ids.new(), slugs.generate(), ask, password_hash)
        if link is not None:
            return link
    raise Fault(Code.UNAVAILABLE, "No free short code was found; please try again")


async def _hash_of(password: str | None | UnsetType) -> str | None:
    """Made before the transaction begins, because it takes tens of milliseconds."""
    return await passwords.hash_of(password) if isinstance(password, str) else None


def _changes(ask: UpdateLink) -> dict[str, Any]:
    given = msgspec.structs.asdict(ask)
    return {name: value for name, value in given.items() if name not in _ADDRESS and value is not UNSET}


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def _absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such link")


def _taken(slug: str) -> Fault:
    return Fault(Code.CONFLICT, f"The short code {slug!r} is taken", field="slug")


HANDLERS = (
    whole(create_link),
    read(get_link),
    read(list_links),
    read(list_profile_links),
    whole(update_link),
    write(delete_link),
    read(resolve),
    whole(unlock),
    write(record_totals),
)
