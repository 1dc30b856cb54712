"""Facts leave a service through a table: written in the transaction that makes them true, published afterwards.

Every schema has the same table ``outbox (id bigint, event_id text, subject text, payload bytea)``. A fact is published
under its own id, so that the stream keeps it once even when a crash makes us publish it twice.
"""

import asyncio
import logging
from typing import NamedTuple

import asyncpg

from shared import ids
from shared.bus import Bus
from shared.contracts.ask import Event
from shared.database import Connection, Database
from shared.encoding import encode, subject_for
from shared.faults import Fault
from shared.settings import Settings

# NATS takes messages of up to 1 MiB, headers included, unless it is told otherwise.
LARGEST_BYTES = 1_000_000

# To count all of a very long outbox would cost more than the number is worth.
MOST_COUNTED = 10_000

log = logging.getLogger(__name__)


class Backlog(NamedTuple):
    """What waits in the outbox."""

    facts: int  # up to MOST_COUNTED
    age_seconds: float  # of the oldest


async def backlog(db: Connection) -> Backlog:
    (row,) = await db.fetch(
        """
        select count(*) as facts, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as age
        from (select created_at from outbox order by id limit $1) waiting
        """,
        MOST_COUNTED,
    )
    return Backlog(row["facts"], max(0.0, row["age"]))


async def tell(tx: Connection, *events: Event) -> None:
    """Tells facts if, and only if, the transaction commits."""
    await tx.execute(
        """
        insert into outbox (event_id, subject, payload)
        select event_id, subject, payload from unnest($1::text[], $2::text[], $3::bytea[])
             with ordinality as told (event_id, subject, payload, place)
        order by place
        """,
        [ids.new() for _ in events],
        [subject_for(type(event)) for event in events],
        [_payload(event) for event in events],
    )


def _payload(event: Event) -> bytes:
    payload = encode(event)
    if len(payload) > LARGEST_BYTES:
        # In the table it would never get out, and hold up all that come after it.
        raise ValueError(f"A {type(event).__name__} of {len(payload)} bytes is too large to be told")
    return payload


class Relay:
    """Carries facts from the table to the stream, in the order in which they were told.

    Any number of copies may run: whoever locks the oldest row goes first, and the others take what is left afterwards.
    """

    def __init__(self, bus: Bus, database: Database, settings: Settings) -> None:
        self._bus = bus
        self._database = database
        self._settings = settings
        self._nudge = asyncio.Event()

    def nudge(self) -> None:
        """Something has just been committed; no need to wait for the next look."""
        self._nudge.set()

    async def run(self) -> None:
        while True:
            try:
                moved = await self._move()
            except Fault as fault:
                log.info("The outbox waits: %s", fault.message)
                moved = 0
                await asyncio.sleep(self._settings.bus_reconnect_wait_seconds)
            if moved < self._settings.outbox_batch:
                await self._pause()

    async def finish(self) -> None:
        """Tells what is left before the process ends; what cannot be told now waits for another copy or a restart."""
        try:
            async with asyncio.timeout(self._settings.ask_timeout_seconds):
                while await self._move():
                    pass
        except (Fault, TimeoutError) as error:
            log.info("Facts are left in the outbox: %s", str(error) or "there was no time")

    async def _move(self) -> int:
        async with self._database.transaction() as tx:
            rows = await tx.fetch(
                "select id, event_id, subject, payload from outbox order by id limit $1 for update",
                self._settings.outbox_batch,
            )
            if rows:
                await self._publish(rows)
                await tx.execute("delete from outbox where id = any($1::bigint[])", [row["id"] for row in rows])
        return len(rows)

    async def _publish(self, rows: list[asyncpg.Record]) -> None:
        timeout = self._settings.ask_timeout_seconds
        await asyncio.gather(
            *(self._bus.publish(row["subject"], row["payload"], row["event_id"], timeout) for row in rows)
        )

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._settings.outbox_poll_seconds):
                await self._nudge.wait()
        except TimeoutError:
            return
        self._nudge.clear()
