"""How a link comes, changes and goes: the steps that questions about one link and about many have in common.

Each step works inside a transaction and tells its fact there. What takes long, or needs no database, is done before.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from services.links import fields, loops, slugs, store, store_domains, store_new, store_qr_codes
from shared import ids, outbox, passwords
from shared.contracts.links import (
    CreateLink,
    DeleteLink,
    Link,
    LinkCreated,
    LinkDeleted,
    LinkExpired,
    LinkUpdated,
    Status,
    UpdateLink,
    UpsertLink,
)
from shared.contracts.links.qr_codes import QrCodeDeleted
from shared.contracts.modes import Mode
from shared.database import Connection
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.service import Service

SLUG_TRIES = 5  # the first one is free unless thousands of millions of links are there already

# What a question may name that is not a value of the link itself.
_ADDRESS = frozenset({"workspace", "mode", "id", "password"})

Q = TypeVar("Q", CreateLink, UpdateLink, UpsertLink)


async def prepare(service: Service, ask: Q) -> tuple[Q, str | None]:
    """The question with its values checked, and the hash of its password if it has one."""
    ask = fields.checked(ask, OwnHosts.of(service.settings), datetime.now(UTC))
    return ask, await _hash_of(ask.password)


async def create(tx: Connection, ask: CreateLink, password_hash: str | None) -> Link:
    link = await _insert(tx, ask, password_hash)
    await outbox.tell(tx, LinkCreated(link=link))
    return link


async def create_all(tx: Connection, wanted: Sequence[store_new.NewRow]) -> list[Link | Fault]:
    """Links on our own host, without an external id, whose short codes are up to us, in the order in which they are
    ``wanted``; in the place of one that leads back to us, what is to be said against it."""
    links: dict[str, Link] = {}
    refused: dict[str, Fault] = {}
    left = wanted
    for _ in range(SLUG_TRIES):
        links |= await store_new.insert_links(tx, [(row, slugs.generate()) for row in left])
        left = [row for row in left if row.id not in links]
        if not left:
            break
        faults = zip(left, await loops.among(tx, [row.ask for row in left]), strict=True)
        refused |= {row.id: fault for row, fault in faults if fault}
        left = [row for row in left if row.id not in refused]
    if left:
        raise _no_slug_fault()
    await outbox.tell(tx, *(LinkCreated(link=link) for link in links.values()))
    return [links.get(row.id) or refused[row.id] for row in wanted]


async def change(tx: Connection, before: Link, ask: UpdateLink | UpsertLink, password_hash: str | None) -> Link:
    """``before`` is locked. CONFLICT when what is to be unique belongs to another link: then all is rolled back."""
    await loops.refuse(tx, ask)
    now = datetime.now(UTC)
    wanted = msgspec.structs.replace(before, **given(ask))
    try:
        link = await store.update_link(tx, wanted, password_hash, now, new_password=ask.password is not UNSET)
    except store.TakenError as taken:
        raise taken_fault(taken.field, wanted.slug) from taken
    former_slug = before.slug if before.slug != link.slug else None
    await outbox.tell(tx, LinkUpdated(link=link, former_slug=former_slug))
    if link.used_up and before.status(now) is not Status.EXPIRED:
        await outbox.tell(tx, LinkExpired(link=link))
    return link


async def update(tx: Connection, ask: UpdateLink, password_hash: str | None) -> Link:
    before = await store.find_link_for_update(tx, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if before is None:
        raise absent()
    return await change(tx, before, ask, password_hash)


async def lock(tx: Connection, workspace: str, mode: Mode, link_ids: Sequence[str]) -> None:
    """Links that are to be deleted, and their codes: from then on nobody makes more of them."""
    there = [link_id for link_id in link_ids if ids.valid(link_id)]
    await store.lock_links(tx, workspace, mode, there)
    await store_qr_codes.lock_codes(tx, workspace, mode, there)


async def delete(tx: Connection, ask: DeleteLink) -> Link:
    """It is locked, and so are its codes, which go with it."""
    if not ids.valid(ask.id):
        raise absent()
    codes = await store_qr_codes.delete_codes_of_link(tx, ask.workspace, ask.mode, ask.id)
    link = await store.delete_link(tx, ask.workspace, ask.mode, ask.id)
    if link is None:
        raise absent()
    await outbox.tell(tx, *(QrCodeDeleted(code=code, link=link) for code in codes), LinkDeleted(link=link))
    return link


async def expire(tx: Connection, workspace: str, mode: Mode, link_id: str) -> None:
    """Tells that a link has just reached its limit of clicks."""
    link = await store.find_link(tx, workspace, mode, link_id)
    if link is not None:
        await outbox.tell(tx, LinkExpired(link=link))


def given(ask: UpdateLink | UpsertLink) -> dict[str, Any]:
    """The values of the link that the question names."""
    named = msgspec.structs.asdict(ask)
    return {name: value for name, value in named.items() if name not in _ADDRESS and value is not UNSET}


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such link")


def taken_fault(field: str, slug: str) -> Fault:
    message = f"The short code {slug!r} is taken" if field == "slug" else "Another link has this external id"
    return Fault(Code.CONFLICT, message, field=field)


async def _insert(tx: Connection, ask: CreateLink, password_hash: str | None) -> Link:
    for _ in range(SLUG_TRIES):
        slug = ask.slug if ask.slug is not None else slugs.generate()
        try:
            link = await store.insert_link(tx, ids.new(), slug, ask, password_hash)
        except store.NoDomainError as gone:
            raise fields.no_domain() from gone
        if link is not None:
            return link
        await loops.refuse(tx, ask)
        if ask.domain and not await store_domains.has_verified(tx, ask.workspace, ask.mode, ask.domain):
            raise fields.no_domain()
        if ask.external_id is not None and await store.find_link_by_external_id(
            tx, ask.workspace, ask.mode, ask.external_id
        ):
            raise taken_fault("external_id", slug)
        if ask.slug is not None:
            raise taken_fault("slug", slug)
    raise _no_slug_fault()


def _no_slug_fault() -> Fault:
    return Fault(Code.UNAVAILABLE, "No free short code was found; please try again")


async def _hash_of(password: str | None | UnsetType) -> str | None:
    """Made before the transaction begins, because it takes tens of milliseconds."""
    return await passwords.hash_of(password) if isinstance(password, str) else None
