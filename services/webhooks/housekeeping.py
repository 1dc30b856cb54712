"""What has been kept long enough goes, and what deleted endpoints have left behind."""

from datetime import UTC, datetime, timedelta

from services.webhooks import store_housekeeping, store_intake, wishes
from shared.database import Database
from shared.service import Service
from shared.settings import Settings
from shared.upkeep import keep_doing

DEAD_AT_ONCE = 100


async def keep_house(service: Service) -> None:
    settings = service.settings
    await keep_doing(
        "The housekeeping",
        lambda: _look_after(service, datetime.now(UTC)),
        settings.housekeeping_seconds / settings.time_scale,
    )


async def _look_after(service: Service, now: datetime) -> None:
    await wishes.mend(service)
    await tidy(service.database, service.settings, now)


async def tidy(database: Database, settings: Settings, now: datetime) -> None:
    """Any number of copies may do this at the same time. In small steps, so that nobody waits long for their locks."""
    rows = settings.housekeeping_rows
    await _bury_endpoints(database, rows)
    before = now - timedelta(seconds=settings.webhook_keep_seconds) / settings.time_scale
    while await _delete_old(database, before, rows) == rows:
        pass
    # A fact may be heard again for as long as its stream keeps it; twice the time, for clocks and late starts.
    heard_before = now - 2 * timedelta(seconds=settings.events_keep_seconds)
    async with database.connection() as db:
        while await store_housekeeping.delete_taken(db, heard_before, rows) == rows:
            pass


async def _bury_endpoints(database: Database, rows: int) -> None:
    async with database.connection() as db:
        dead = await store_housekeeping.list_dead_endpoints(db, DEAD_AT_ONCE)
        for endpoint in dead:
            while await store_housekeeping.delete_deliveries_of(db, endpoint, rows) == rows:
                pass
        await store_housekeeping.delete_dead_endpoints(db, dead)


async def _delete_old(database: Database, before: datetime, most: int) -> int:
    async with database.transaction() as tx:
        deleted, growths = await store_housekeeping.delete_old_deliveries(tx, before, most)
        # Of an endpoint that was deleted, nothing is left to count.
        there = await store_intake.lock_states(tx, [growth.endpoint for growth in growths])
        if there:
            await store_intake.grow_states(tx, [growth for growth in growths if growth.endpoint in there])
    return deleted
