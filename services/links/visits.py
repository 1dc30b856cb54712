"""Questions that come of visitors: where a short code leads, and how often it was followed."""

from services.links import changes, claims, slugs, store_visits
from shared import passwords
from shared.contracts.links import ClaimClick, RecordTotals, Resolve, ResolveMany, Unlock
from shared.contracts.targets import RESOLVED_AT_ONCE, Claimed, Resolved, ResolvedMany
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service

TOTALS = 10_000  # in one report


async def resolve(db: Connection, ask: Resolve) -> Resolved:
    if not _findable(ask.domain, ask.slug):
        return Resolved()
    found = await store_visits.find_target(db, ask.domain, ask.slug)
    return Resolved(target=found[0]) if found else Resolved()


async def resolve_many(db: Connection, ask: ResolveMany) -> ResolvedMany:
    if len(ask.keys) > RESOLVED_AT_ONCE:
        raise Fault(Code.INVALID, f"At most {RESOLVED_AT_ONCE} slugs are looked up at once", field="keys")
    keys = {key for key in ask.keys if _findable(*key)}
    return ResolvedMany(targets=tuple(await store_visits.list_targets(db, list(keys))))


async def unlock(service: Service, ask: Unlock) -> Resolved:
    if not _findable(ask.domain, ask.slug):
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


async def claim_click(service: Service, ask: ClaimClick) -> Claimed:
    return await claims.claim(service, ask) if _findable(ask.domain, ask.slug) else Claimed()


async def record_totals(tx: Connection, ask: RecordTotals) -> None:
    if len(ask.totals) > TOTALS:
        raise Fault(Code.INVALID, f"A report has at most {TOTALS:,} totals", field="totals")
    for workspace, mode, link_id in await store_visits.update_totals(tx, ask.totals):
        await changes.expire(tx, workspace, mode, link_id)


def _findable(domain: str, slug: str) -> bool:
    """Visitors may ask for anything; what cannot be there, or would be no text to PostgreSQL, is not looked for."""
    return slugs.valid(slug) and "\0" not in domain
