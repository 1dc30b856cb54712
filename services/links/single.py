"""Questions about one link."""

from msgspec import UNSET

from services.links import changes, fields, slugs, store, store_new
from shared import destinations, ids
from shared.contracts.links import (
    CreateLink,
    DeleteLink,
    GetLink,
    GetLinks,
    Link,
    Links,
    UpdateLink,
    Upserted,
    UpsertLink,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service

LINKS_AT_ONCE = 100
UPSERT_TRIES = 5  # each further one because somebody else made or deleted the link in between


async def create_link(service: Service, ask: CreateLink) -> Link:
    ask, password_hash = await changes.prepare(service, ask)
    if ask.slug is None and ask.external_id is None and not ask.domain:
        made = await service.written_together(changes.create_all, store_new.NewRow(ids.new(), ask, password_hash))
        if isinstance(made, Fault):
            raise made
        return made
    # Somebody else may be about to take it, or to remove the domain; then this one waits, and nobody else with it.
    async with service.transaction() as tx:
        return await changes.create(tx, ask, password_hash)


async def get_link(db: Connection, ask: GetLink) -> Link:
    if sum(name is not None for name in (ask.id, ask.external_id, ask.slug)) != 1:
        raise Fault(Code.INVALID, "A link is asked for by its id, its external id or its short code", field="id")
    link = await _find(db, ask)
    if link is None:
        raise changes.absent()
    return link


async def get_links(db: Connection, ask: GetLinks) -> Links:
    if len(ask.ids) > LINKS_AT_ONCE:
        raise Fault(Code.INVALID, f"At most {LINKS_AT_ONCE} links are looked up at once", field="ids")
    return Links(links=await store.list_links_by_id(db, ask.workspace, ask.mode, list(filter(ids.valid, ask.ids))))


async def update_link(service: Service, ask: UpdateLink) -> Link:
    ask, password_hash = await changes.prepare(service, ask)
    async with service.transaction() as tx:
        return await changes.update(tx, ask, password_hash)


async def upsert_link(service: Service, ask: UpsertLink) -> Upserted:
    ask, password_hash = await changes.prepare(service, ask)
    for _ in range(UPSERT_TRIES):
        try:
            async with service.transaction() as tx:
                before = await store.find_link_by_external_id_for_update(tx, ask.workspace, ask.mode, ask.external_id)
                if before is not None:
                    _check_domain(ask, before)
                    return Upserted(link=await changes.change(tx, before, ask, password_hash), created=False)
                return Upserted(link=await changes.create(tx, _as_new(ask), password_hash), created=True)
        except Fault as fault:
            if fault.code is not Code.CONFLICT or fault.details[0]["field"] != "external_id":
                raise
    raise Fault(Code.UNAVAILABLE, "Too many change this link at once; please try again")


async def delete_link(tx: Connection, ask: DeleteLink) -> None:
    await changes.lock(tx, ask.workspace, ask.mode, [ask.id])
    await changes.delete(tx, ask)


async def _find(db: Connection, ask: GetLink) -> Link | None:
    """What cannot be there, or would be no text to PostgreSQL, is not looked for."""
    if ask.id is not None:
        return await store.find_link(db, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if ask.external_id is not None:
        external_id = fields.external_id(ask.external_id)
        return await store.find_link_by_external_id(db, ask.workspace, ask.mode, external_id)
    if ask.slug is not None and slugs.valid(ask.slug):
        domain = ask.domain and destinations.domain_name(ask.domain, field="domain")
        return await store.find_link_by_slug(db, ask.workspace, ask.mode, domain, ask.slug)
    return None


def _check_domain(ask: UpsertLink, before: Link) -> None:
    if ask.domain is not UNSET and ask.domain != before.domain:
        raise Fault(Code.IMPOSSIBLE, "A link stays on the domain that it was made on", field="domain")


def _as_new(ask: UpsertLink) -> CreateLink:
    values = {name: value for name, value in changes.given(ask).items() if value is not None}
    if "destination_url" not in values:
        raise Fault(Code.INVALID, "A new link needs a destination", field="destination_url")
    password = ask.password if isinstance(ask.password, str) else None
    return CreateLink(workspace=ask.workspace, mode=ask.mode, password=password, **values)
