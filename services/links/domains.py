"""Questions about domains."""

import secrets
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UnsetType

from services.links import changes, looking, loops, store_all_domains, store_domains
from shared import destinations, ids, outbox
from shared.contracts.links import DeleteLink
from shared.contracts.links.domains import (
    Checked,
    Claims,
    CreateDomain,
    DeleteDomain,
    Domain,
    DomainDeleted,
    DomainPage,
    DomainUpdated,
    FindDomains,
    FindHost,
    FoundHost,
    GetDomain,
    ListDomains,
    Released,
    ReleaseDomain,
    UpdateDomain,
    VerifyDomain,
)
from shared.database import Connection
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.service import Service

PAGE_LENGTH = 100
LAST_OFFSET = 1_000_000_000
COUNTED = 10_000  # links on a domain that is to be deleted
RELEASED = 100  # links that are deleted at once with their domain
TOKEN_BYTES = 20


async def create_domain(service: Service, ask: CreateDomain) -> Domain:
    settings, own = service.settings, OwnHosts.of(service.settings)
    now = datetime.now(UTC)
    name = destinations.check_domain(ask.domain, own, field="domain")
    domain = Domain(
        id=ids.new(now.timestamp()),
        workspace=ask.workspace,
        mode=ask.mode,
        name=name,
        token=secrets.token_hex(TOKEN_BYTES),
        root_url=_checked("root_url", ask.root_url, own),
        not_found_url=_checked("not_found_url", ask.not_found_url, own),
        created_at=now,
        updated_at=now,
    )
    async with service.transaction() as tx:
        await loops.refuse(tx, domain)
        await store_domains.lock_workspace(tx, ask.workspace, ask.mode)
        if await store_domains.count_domains(tx, ask.workspace, ask.mode) >= settings.domains_most:
            raise Fault(Code.FORBIDDEN, f"A workspace has at most {settings.domains_most} domains")
        soon = now + timedelta(seconds=settings.domains_look_seconds) / settings.time_scale
        if not await store_domains.insert_domain(tx, domain, soon):
            raise Fault(Code.CONFLICT, f"The domain {name} is there already", field="domain")
    return domain


async def get_domain(db: Connection, ask: GetDomain) -> Domain:
    return await _find(db, ask)


async def list_domains(db: Connection, ask: ListDomains) -> DomainPage:
    if not 1 <= ask.limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} domains", field="limit")
    if not 0 <= ask.offset <= LAST_OFFSET:
        raise Fault(Code.INVALID, f"An offset is between 0 and {LAST_OFFSET:,}", field="offset")
    domains, total = await store_domains.list_domains(db, ask.workspace, ask.mode, ask.limit, ask.offset)
    return DomainPage(domains=domains, total=total)


async def update_domain(service: Service, ask: UpdateDomain) -> Domain:
    own = OwnHosts.of(service.settings)
    given = {
        field: _checked(field, url, own)
        for field, url in (("root_url", ask.root_url), ("not_found_url", ask.not_found_url))
        if not isinstance(url, UnsetType)
    }
    async with service.transaction() as tx:
        before = await _lock(tx, ask)
        wanted = msgspec.structs.replace(before, **given)
        await loops.refuse(tx, wanted)
        domain = await store_domains.update_domain(
            tx, ask.workspace, ask.mode, ask.id, wanted.root_url, wanted.not_found_url, datetime.now(UTC)
        )
        assert domain, "a locked domain has gone"
        await outbox.tell(tx, DomainUpdated(domain=domain))
    return domain


async def delete_domain(tx: Connection, ask: DeleteDomain) -> None:
    domain = await _lock(tx, ask)
    await _refuse_with_links(tx, domain)
    await _delete(tx, domain)


async def verify_domain(service: Service, ask: VerifyDomain) -> Checked:
    async with service.database.connection() as db:
        domain = await _find(db, ask)
    if domain.verified_at is not None:
        return Checked(domain=domain, done=True)
    problem = await looking.look(domain, service.settings)
    now = datetime.now(UTC)
    try:
        seen = await looking.settle(service, domain, problem, now)
    except store_domains.VerifiedElsewhereError as error:
        await looking.note(service, domain, looking.TAKEN, now)
        raise Fault(Code.CONFLICT, looking.TAKEN, field="domain") from error
    if seen is None:
        raise absent()
    return Checked(domain=seen, done=seen.verified_at is not None)


async def find_domains(db: Connection, ask: FindDomains) -> Claims:
    if not 1 <= ask.limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} domains", field="limit")
    name = None if ask.name is None else destinations.domain_name(ask.name, field="name")
    return Claims(domains=await store_all_domains.find_domains(db, ask.workspace, name, ask.before, ask.limit))


async def release_domain(tx: Connection, ask: ReleaseDomain) -> Released:
    name = destinations.domain_name(ask.name, field="name")
    domain = await store_all_domains.lock_verified(tx, name)
    if domain is None:
        raise Fault(Code.NOT_FOUND, f"Nobody has the domain {name}")
    if not ask.with_links:
        await _refuse_with_links(tx, domain)
    # There may be any number of them, and no transaction should have to take long.
    links = await store_domains.list_links(tx, domain, RELEASED)
    await changes.lock(tx, domain.workspace, domain.mode, links)
    for link in links:
        await changes.delete(tx, DeleteLink(workspace=domain.workspace, mode=domain.mode, id=link))
    done = len(links) < RELEASED
    if done:
        await _delete(tx, domain)
    return Released(domain=domain, links=len(links), done=done)


async def find_host(db: Connection, ask: FindHost) -> FoundHost:
    # Visitors may ask for anything; what would be no text to PostgreSQL is not looked for.
    return FoundHost(host=None if "\0" in ask.domain else await store_all_domains.find_host(db, ask.domain))


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such domain")


async def _find(db: Connection, ask: GetDomain | VerifyDomain) -> Domain:
    domain = await store_domains.find_domain(db, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if domain is None:
        raise absent()
    return domain


async def _lock(tx: Connection, ask: UpdateDomain | DeleteDomain) -> Domain:
    domain = await store_domains.lock_domain(tx, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if domain is None:
        raise absent()
    return domain


async def _refuse_with_links(tx: Connection, domain: Domain) -> None:
    """``domain`` is locked."""
    links = await store_domains.count_links(tx, domain, COUNTED)
    if links:
        number = f"{links:,}" if links < COUNTED else f"{links:,} or more"
        raise Fault(Code.CONFLICT, f"There are links on this domain ({number}), which have to go first", field="domain")


async def _delete(tx: Connection, domain: Domain) -> None:
    await store_domains.delete_domain(tx, domain.workspace, domain.mode, domain.id)
    await outbox.tell(tx, DomainDeleted(domain=domain))


def _checked(field: str, url: str | None, own: OwnHosts) -> str | None:
    return None if url is None else destinations.check(url, own, field=field)
