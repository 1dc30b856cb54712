"""What has been kept long enough goes."""

from datetime import UTC, datetime, timedelta

from services.keys import store_uses
from shared.database import Database
from shared.service import Service
from shared.settings import Settings
from shared.upkeep import keep_doing

# A gateway sends a report again within seconds; one whose last is older than this has ended.
REPORTS_KEEP = timedelta(days=1)


async def keep_house(service: Service) -> None:
    settings = service.settings
    await keep_doing(
        "The housekeeping",
        lambda: tidy(service.database, settings, datetime.now(UTC)),
        settings.housekeeping_seconds / settings.time_scale,
    )


async def tidy(database: Database, settings: Settings, now: datetime) -> None:
    """Any number of copies may do this at the same time."""
    days_before = now.date() - timedelta(days=settings.key_days_keep_days)
    rows = settings.housekeeping_rows
    async with database.connection() as db:
        # In small steps, each a transaction of its own, so that nobody waits long for their locks.
        while await store_uses.delete_days(db, days_before, rows) == rows:
            pass
        while await store_uses.delete_reports(db, now - REPORTS_KEEP, rows) == rows:
            pass
