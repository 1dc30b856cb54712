"""Visits come in: from the click stream into raw rows and roll-ups, each batch exactly once in effect.

A batch is acknowledged after the transaction that counted it, and its id is stored in that transaction. So a batch that
is lost on the way is delivered again, and one that is delivered again changes nothing.
"""

import asyncio
import hashlib
import logging
import time

from prometheus_client import Counter

from services.analytics import store, visits
from services.analytics.counting import count
from services.analytics.enrichment import Enrichment
from services.analytics.enrichment.facts import Facts
from services.analytics.live import Live, Message
from services.analytics.reach import Reach
from services.analytics.rollups import RollUps
from services.analytics.visits import Packed
from shared.bus import Delivery, Puller
from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT, Visit
from shared.service import Service

DURABLE = "analytics"
UNLIMITED = -1

DEAD_LETTERS = Counter("waypost_analytics_dead_letters", "Batches of visits that could not be counted.")

log = logging.getLogger(__name__)


async def ingest(service: Service) -> None:
    """Runs for as long as the service does. Copies share the stream."""
    live = Live(service.bus, service.settings)
    async with asyncio.TaskGroup() as together:
        together.create_task(live.tell())
        together.create_task(Ingest(service, live).run())


class Ingest:
    def __init__(self, service: Service, live: Live) -> None:
        settings = service.settings
        self._live = live
        self._bus = service.bus
        self._database = service.database
        self._settings = settings
        self._enrichment = Enrichment(settings)
        first, longest = settings.bus_reconnect_wait_seconds, settings.ingest_backoff_seconds
        self._stream = Reach("the click stream", first, longest)
        self._storage = Reach("the database", first, longest)

    async def run(self) -> None:
        puller = await self._stream.insist(self._pull)
        most, wait = self._settings.ingest_batches, self._settings.ingest_wait_seconds
        while True:
            arrived = await self._stream.insist(lambda: puller.fetch(most, wait))
            # After the server has hung, the answers to several fetches can come at once.
            for begin in range(0, len(arrived), most):
                await self._settle(arrived[begin : begin + most])

    async def _pull(self) -> Puller:
        return await self._bus.pull(
            CLICKS_STREAM,
            DURABLE,
            CLICKS_SUBJECT,
            # Kills and outages cost deliveries too. Only a batch that is proven to be bad may be given up, and that is
            # decided here: a limit in the server would silently keep good ones back.
            deliveries=UNLIMITED,
            ack_wait=self._settings.ingest_ack_wait_seconds,
        )

    async def _settle(self, held: list[Delivery]) -> None:
        """Leaves none of them open: each is counted, given back for later, or among the dead letters."""
        try:
            if await self._store_together(held):
                while held:
                    await held.pop().done()
            while held:
                await self._settle_alone(held[0])
                held.pop(0)
        except asyncio.CancelledError:
            # Another copy need not wait until the server misses our acknowledgements.
            for delivery in held:
                await delivery.later(0)
            raise

    async def _store_together(self, held: list[Delivery]) -> bool:
        try:
            await self._store(held)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is found again, and judged, batch by batch
            log.info("Counting %d batches one by one, because together it failed: %s", len(held), _words(error))
            return False
        return True

    async def _settle_alone(self, delivery: Delivery) -> None:
        try:
            # Holding on to it costs no delivery. Meanwhile nothing more is fetched, so memory stays as it is.
            await self._storage.insist(lambda: self._store([delivery]))
        except Exception as error:  # noqa: BLE001 - no batch, however bad, may stop the stream
            await self._refuse(delivery, error)
        else:
            await delivery.done()

    async def _store(self, deliveries: list[Delivery]) -> None:
        """All of them or none, in one transaction; those that have been counted before change nothing."""
        batches = {batch.id: batch for batch in (visits.open_message(delivery.data) for delivery in deliveries)}
        sums = RollUps()
        happening: list[Message] = []
        now = time.time()
        async with self._database.transaction() as tx:
            for new in await store.insert_batches(tx, sorted(batches)):
                # Unpacked one by one: in memory is never more than one batch of visits.
                known = self._unpack(batches.pop(new))
                await store.insert_visits(tx, (visits.row(visit, facts.bot) for visit, facts in known))
                sums.add(known)
                happening += self._live.messages(new, known, now)
            await count(tx, sums, self._settings)
        for batch in batches.values():
            # Counted before, but perhaps by a copy that was killed before it could show them.
            happening += self._live.messages(batch.id, self._unpack(batch), now)
        self._live.show(happening)

    def _unpack(self, batch: Packed) -> list[tuple[Visit, Facts]]:
        return [(visit, self._enrichment.enrich(visit)) for visit in visits.unpack(batch)]

    async def _refuse(self, delivery: Delivery, error: Exception) -> None:
        """For a batch that fails all by itself: tried again later, and after enough deliveries put aside."""
        reason = _words(error)
        if delivery.times < self._settings.ingest_deliveries:
            log.warning("A batch could not be counted: %s", reason, extra={"delivery": delivery.times})
            await delivery.later(self._settings.ingest_retry_seconds)
            return
        letter = hashlib.sha256(delivery.data).hexdigest()
        try:
            async with self._database.transaction() as tx:
                await store.insert_dead_letter(tx, letter, delivery.data, reason)
        except Exception as trouble:  # noqa: BLE001 - then the database is to blame, and the batch may be a good one
            log.warning("A batch could not be put aside: %s", _words(trouble), extra={"letter": letter})
            await delivery.later(self._settings.ingest_retry_seconds)
            return
        DEAD_LETTERS.inc()
        log.error("A batch is in the dead letters: %s", reason, extra={"letter": letter})
        await delivery.done()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
