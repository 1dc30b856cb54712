"""Visits come in: from the click stream into raw rows and roll-ups, each batch exactly once in effect.

A batch is acknowledged after the transaction that counted it, and its id is stored in that transaction. So a batch that
is lost on the way is delivered again, and one that is delivered again changes nothing.
"""

import asyncio
import hashlib
import logging
import time

from prometheus_client import Counter

from services.analytics import store, store_rebuild, visits, wishes
from services.analytics.counting import Counting
from services.analytics.enrichment import Enrichment
from services.analytics.live import Live
from services.analytics.prepared import Prepared, prepare
from services.analytics.reach import Reach
from services.analytics.visits import Packed
from services.analytics.wishes import Wishes
from shared import outbox
from shared.bus import Delivery, Puller
from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT
from shared.service import Service
from shared.stopping import cancel, together

DURABLE = "analytics"
UNLIMITED = -1

DEAD_LETTERS = Counter("waypost_analytics_dead_letters", "Batches of visits that could not be counted.")

log = logging.getLogger(__name__)


async def ingest(service: Service) -> None:
    """Runs for as long as the service does. Copies share the stream."""
    live = Live(service.bus, service.settings)
    await together(live.tell(), Ingest(service, live).run())


class Ingest:
    def __init__(self, service: Service, live: Live) -> None:
        settings = service.settings
        self._live = live
        self._bus = service.bus
        self._database = service.database
        self._settings = settings
        self._relay = service.relay
        self._wishes = Wishes()
        self._enrichment = Enrichment(settings)
        self._counting = Counting(settings)
        first, longest = settings.bus_reconnect_wait_seconds, settings.ingest_backoff_seconds
        self._stream = Reach("the click stream", first, longest)
        self._storage = Reach("the database", first, longest)

    async def run(self) -> None:
        puller = await self._stream.insist(self._pull)
        most, wait = self._settings.ingest_batches, self._settings.ingest_wait_seconds
        # In memory are never more than two groups of batches: one in the database, one that is made ready meanwhile.
        held: list[Delivery] = []
        storing: asyncio.Task[None] | None = None
        try:
            while True:
                arrived = await self._stream.insist(lambda: puller.fetch(most, wait))
                # After the server has hung, the answers to several fetches can come at once.
                for begin in range(0, len(arrived), most):
                    held = arrived[begin : begin + most]
                    prepared = await self._prepare(held)
                    if storing:
                        await asyncio.shield(storing)
                    storing = asyncio.create_task(self._settle(held, prepared), name="batches into the database")
                    held = []
        finally:
            # What is given back while we still ask for more would come to us again.
            try:
                await puller.close()
            finally:
                if storing:
                    await cancel([storing])
                await _give_back(held)

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

    async def _settle(self, held: list[Delivery], prepared: Prepared | None) -> None:
        """Leaves none of them open: each is counted, given back for later, or among the dead letters."""
        try:
            if prepared and await self._store_together(prepared):
                while held:
                    await held.pop().done()
            while held:
                await self._settle_alone(held[0])
                held.pop(0)
        except asyncio.CancelledError:
            await _give_back(held)
            raise

    async def _prepare(self, held: list[Delivery]) -> Prepared | None:
        """None when one of them is bad; which one shows when each is looked at by itself."""
        try:
            return await self._read(held)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is found again, and judged, batch by batch
            log.info("Counting %d batches one by one, because one cannot be read: %s", len(held), _words(error))
            return None

    async def _read(self, held: list[Delivery]) -> Prepared:
        return await self._make_ready([visits.open_message(delivery.data) for delivery in held])

    async def _store_together(self, prepared: Prepared) -> bool:
        try:
            await self._store(prepared)
        except Exception as error:  # noqa: BLE001 - as above
            log.info("Counting %d batches one by one, because together it failed: %s", len(prepared.ids), _words(error))
            return False
        return True

    async def _settle_alone(self, delivery: Delivery) -> None:
        async def attempt() -> None:
            await self._store(await self._read([delivery]))

        try:
            # Holding on to it costs no delivery. Meanwhile only one more group is fetched, so memory stays as it is.
            await self._storage.insist(attempt)
        except Exception as error:  # noqa: BLE001 - no batch, however bad, may stop the stream
            await self._refuse(delivery, error)
        else:
            await delivery.done()

    async def _store(self, prepared: Prepared) -> None:
        """All of them or none, in one transaction; those that have been counted before change nothing."""
        happening = prepared.happening
        async with self._database.transaction() as tx:
            new = await store.insert_batches(tx, prepared.ids)
            self._wishes = await wishes.refreshed(tx, self._wishes)
            if len(new) < len(prepared.ids) or prepared.wanted.places != self._wishes.places:
                prepared = await self._make_ready(prepared.only(new))
            await store_rebuild.share_days(tx, prepared.sums.days())
            await store.insert_visits(tx, prepared.lines())
            await self._counting.count(tx, prepared.sums)
            if told := list(prepared.wanted.events()):
                await outbox.tell(tx, *told)
        if told:
            self._relay.nudge()
        # Those that were counted before, too: perhaps that was by a copy that was killed before it could show them.
        self._live.show(happening)

    async def _make_ready(self, batches: list[Packed]) -> Prepared:
        return await prepare(batches, self._enrichment, self._live, self._wishes, time.time())

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


async def _give_back(held: list[Delivery]) -> None:
    # Another copy need not wait until the server misses our acknowledgements.
    for delivery in held:
        await delivery.later(0)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
