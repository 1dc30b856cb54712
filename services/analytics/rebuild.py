"""``python -m services.analytics.rebuild``: the roll-ups of some days are made anew from their raw visits.

Each day is one transaction: until it commits, reports tell what they told before, and when it is cut off, nothing has
happened. Visits of that day that come meanwhile wait; those of other days are counted as ever. The visits are taken in
the order in which they were made, so a visitor's first link is the one that was clicked first, however late the news
of it came.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
import msgspec
import uvloop

from services.analytics import store_codes, store_rebuild
from services.analytics.calendar import number_of
from services.analytics.counting import Counting
from services.analytics.enrichment import Enrichment, Facts
from services.analytics.rollups import RollUps
from shared import database as databases
from shared import log as logs
from shared.contracts.analytics import Kind, Visit
from shared.contracts.modes import Mode
from shared.database import Connection, Database
from shared.faults import Code, Fault
from shared.settings import Settings, SettingsError

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_PAGE = 2_000  # visits read at a time
_PATIENCE_SECONDS = 86_400.0


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is told."""

    first: date | None = msgspec.field(name="from")  # None when there is no day to be made anew
    last: date | None = msgspec.field(name="to")
    days: int
    visits: int


class Refused(msgspec.Struct, frozen=True):
    error: str


class Rebuild:
    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._enrichment = Enrichment(settings)
        self._counting = Counting(settings)
        self._together = settings.ingest_batches * settings.ship_batch_clicks

    async def days(self, first: date | None, last: date | None) -> list[date]:
        """From ``first`` to ``last``, or all there can be; IMPOSSIBLE when the visits of one of them are gone."""
        async with self._database.connection() as db:
            kept = await store_rebuild.list_kept_days(db)
        first = first or (kept[0] if kept else None)
        last = last or datetime.now(UTC).date()
        if first is None:
            return []
        if first > last:
            raise Fault(Code.IMPOSSIBLE, f"{first} is after {last}", field="first")
        wanted = [first + timedelta(days=ahead) for ahead in range((last - first).days + 1)]
        gone = sorted(set(wanted).difference(kept))
        if gone:
            raise _gone(gone[0])
        return wanted

    async def day(self, day: date) -> int:
        """How many visits have been counted anew."""
        async with self._database.transaction() as tx:
            await store_rebuild.take_time(tx)
            await store_rebuild.take_day(tx, number_of(day))
            if not await store_rebuild.has_visits(tx, day):
                raise _gone(day)
            await store_rebuild.empty_link_days(tx, day)
            await store_rebuild.empty_workspace_days(tx, day)
            await store_codes.empty_code_days(tx, day)
            await store_rebuild.delete_visitors(tx, day)
            await store_rebuild.delete_visitor_links(tx, day)
            counted = await self._count(tx, day)
            await store_rebuild.insert_link_totals(tx, day)
            await store_rebuild.update_link_totals(tx, day)
            await store_rebuild.insert_profile_totals(tx, day)
            await store_rebuild.update_profile_totals(tx, day)
            await store_codes.insert_code_totals(tx, day)
            await store_codes.update_code_totals(tx, day)
            await store_rebuild.delete_empty_link_days(tx, day)
            await store_rebuild.delete_empty_workspace_days(tx, day)
            await store_codes.delete_empty_code_days(tx, day)
        return counted

    async def _count(self, tx: Connection, day: date) -> int:
        cursor = await store_rebuild.open_visits(tx, day)
        counted = waiting = 0
        sums = RollUps()
        while rows := await cursor.fetch(_PAGE):
            sums.add(self._read(row) for row in rows)
            counted += len(rows)
            waiting += len(rows)
            if waiting >= self._together:
                await self._counting.count_days(tx, sums)
                sums, waiting = RollUps(), 0
        await self._counting.count_days(tx, sums)
        return counted

    def _read(self, row: asyncpg.Record) -> tuple[Visit, Facts]:
        at, workspace, mode, kind, *rest = row
        visit = Visit(Kind(kind), (at - _EPOCH) // _MS, workspace, Mode(mode), *rest)
        facts = self._enrichment.enrich(visit)
        # Who was a bot stays what it was counted as, whatever has been learnt of its agent since.
        return visit, facts if facts.bot == visit.bot else msgspec.structs.replace(facts, bot=visit.bot)


async def rebuild(settings: Settings, first: date | None, last: date | None) -> Rebuilt:
    patient = msgspec.structs.replace(settings, database_statement_timeout_seconds=_PATIENCE_SECONDS)
    async with databases.connect(patient, "analytics") as database:
        work = Rebuild(database, settings)
        days = await work.days(first, last)
        visits = 0
        for day in days:
            visits += (counted := await work.day(day))
            log.info("%s is made anew from %d visits", day, counted)
    return Rebuilt(first=days[0] if days else None, last=days[-1] if days else None, days=len(days), visits=visits)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status. The answer, or why there is none, is one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m services.analytics.rebuild")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY")
    given = parser.parse_args(argv)
    answer: Rebuilt | Refused
    try:
        settings = Settings.read(os.environ)
        logs.set_up(settings)
        answer = uvloop.run(rebuild(settings, given.first, given.last))
    except (Fault, SettingsError) as trouble:
        answer = Refused(error=str(trouble))
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return 1 if isinstance(answer, Refused) else 0


def _gone(day: date) -> Fault:
    return Fault(Code.IMPOSSIBLE, f"The raw visits of {day} are not kept any more, so nothing can be made of them")


if __name__ == "__main__":
    sys.exit(main())
