"""Partitions are made ahead, and what has been kept long enough goes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from services.analytics import store, store_visitors
from services.analytics.reach import Reach
from shared.database import Connection, Database
from shared.service import Service
from shared.settings import Settings

T = TypeVar("T", date, datetime)
# Deletes rows from before a time, at most so many; answers how many there were.
Delete = Callable[[Connection, T, int], Awaitable[int]]

log = logging.getLogger(__name__)


async def keep_house(service: Service) -> None:
    settings = service.settings
    reach = Reach("the database to keep house in", settings.bus_reconnect_wait_seconds, settings.ingest_backoff_seconds)
    while True:
        await reach.insist(lambda: tidy(service.database, settings, datetime.now(UTC)))
        await asyncio.sleep(settings.housekeeping_seconds / settings.time_scale)


async def tidy(database: Database, settings: Settings, now: datetime) -> None:
    """Any number of copies may do this at the same time."""
    visits_before = now - timedelta(days=settings.clicks_keep_days) / settings.time_scale
    batches_before = now - timedelta(days=settings.batches_keep_days) / settings.time_scale
    visitors_before = now.date() - timedelta(days=settings.visitors_keep_days)
    async with database.connection() as db:
        for ahead in range(settings.visits_ahead_days + 1):
            day = now.date() + timedelta(days=ahead)
            if await store.make_partition(db, day):
                log.info("Made the partition of %s", day)
        if dropped := await store.drop_partitions(db, visits_before.date()):
            log.info("Dropped %d partitions from before %s", dropped, visits_before.date())
        await _delete_all(db, store.delete_stray_visits, visits_before, settings.housekeeping_rows)
        await _delete_all(db, store.delete_batches, batches_before, settings.housekeeping_rows)
        await _delete_all(db, store_visitors.delete_visitors, visitors_before, settings.housekeeping_rows)
        await _delete_all(db, store_visitors.delete_visitor_links, visitors_before, settings.housekeeping_rows)


async def _delete_all(db: Connection, delete: Delete[T], before: T, most: int) -> None:
    # In small steps, each a transaction of its own, so that nobody waits long for their locks.
    while await delete(db, before, most) == most:
        pass
