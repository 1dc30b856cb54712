"""What has to be done to links without anybody asking: ends are noted, changes are folded into the tallies, and old
edits are forgotten."""

from datetime import UTC, datetime, timedelta

from services.links import store_upkeep
from shared import outbox
from shared.contracts.links import LinkExpired
from shared.service import Service
from shared.upkeep import keep_doing


async def upkeep(service: Service) -> None:
    await keep_doing("The upkeep of links", lambda: _once(service), service.settings.links_upkeep_seconds)


async def _once(service: Service) -> None:
    await note_ends(service, datetime.now(UTC))
    await fold(service)
    await forget(service, datetime.now(UTC))


async def note_ends(service: Service, now: datetime) -> None:
    """Every link whose time has come by ``now`` is counted as expired afterwards, and told of once."""
    most = service.settings.links_upkeep_rows
    ended = most
    while ended == most:
        async with service.transaction() as tx:
            links = await store_upkeep.lapse(tx, now, most)
            if links:
                await outbox.tell(tx, *(LinkExpired(link=link) for link in links))
        ended = len(links)


async def fold(service: Service) -> None:
    most = service.settings.links_upkeep_rows
    folded = most
    while folded == most:
        async with service.database.transaction() as tx:
            folded = await store_upkeep.fold_changes(tx, most)
            if folded:
                await store_upkeep.delete_empty_tallies(tx)
    folded = most
    while folded == most:
        async with service.database.transaction() as tx:
            folded = await store_upkeep.fold_moves(tx, most)


async def forget(service: Service, now: datetime) -> None:
    """Edits that are too old or too many go; those of another life of the database go at once."""
    settings = service.settings
    async with service.database.connection() as db:
        era = await store_upkeep.has_era(db)
    if not era:
        async with service.database.transaction() as tx:
            await store_upkeep.begin_era(tx)
    before = now - timedelta(seconds=settings.links_edits_kept_seconds)
    most = settings.links_upkeep_rows
    deleted = most
    while deleted == most:
        async with service.database.transaction() as tx:
            deleted = await store_upkeep.delete_edits(tx, before, settings.links_edits_kept, most)
