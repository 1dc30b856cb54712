"""What other services tell comes in: in batches, a transaction each, acknowledged when that has committed.

Facts come from the stream of events, clicks from that of what is only passing through, so that many clicks do not hold
up the facts. A fact that is delivered again changes nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from services.webhooks import facts, recording
from services.webhooks.facts import Clicks, Fact, Unreadable
from services.webhooks.known_links import KnownLinks
from shared.bus import EVENTS_STREAM, PASSING_STREAM, Delivery, Puller
from shared.contracts.analytics import Clicked
from shared.contracts.ask import subject_of
from shared.contracts.modes import Mode
from shared.faults import Fault
from shared.service import Service
from shared.stopping import together

UNLIMITED = -1

log = logging.getLogger(__name__)


async def take_in(service: Service) -> None:
    """Runs for as long as the service does, and says when there is something to send. Copies share the work."""
    await together(
        Intake(service, EVENTS_STREAM, "webhooks", "events.>").run(),
        Intake(service, PASSING_STREAM, "webhooks-clicks", subject_of(Clicked)).run(),
    )


class Intake:
    def __init__(self, service: Service, stream: str, durable: str, subject: str) -> None:
        self._service = service
        self._settings = service.settings
        self._links = KnownLinks(service)
        self._stream = stream
        self._durable = durable
        self._subject = subject
        self._failing = False

    async def run(self) -> None:
        settings = self._settings
        puller = await self._pull()
        held: list[Delivery] = []
        try:
            while True:
                try:
                    if not held:
                        held = await puller.fetch(settings.webhook_intake_facts, settings.ingest_wait_seconds)
                    await self._take_in(held)
                except Fault as fault:
                    await self._wait(fault)
                else:
                    self._failing = False
        finally:
            try:
                # What is given back while we still ask for more would come to us again.
                await puller.close()
            finally:
                for delivery in held:
                    await delivery.later(0)

    async def _pull(self) -> Puller:
        while True:
            try:
                return await self._service.bus.pull(
                    self._stream,
                    self._durable,
                    self._subject,
                    deliveries=UNLIMITED,
                    ack_wait=self._settings.ingest_ack_wait_seconds,
                )
            except Fault as fault:
                await self._wait(fault)

    async def _wait(self, fault: Fault) -> None:
        """For a server that is away. Told once until it is back."""
        if not self._failing:
            log.warning("Facts wait: %s", fault.message, extra={"subject": self._subject})
        self._failing = True
        await asyncio.sleep(self._settings.bus_reconnect_wait_seconds)

    async def _take_in(self, held: list[Delivery]) -> None:
        """A `Fault` when a server is away; then what is not settled is still in ``held``."""
        try:
            await self._record(held)
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is found again, fact by fact
            log.info("Taking in %d facts one by one, because together it failed: %s", len(held), error)
            while held:
                await self._take_in_alone(held[0])
                held.pop(0)
        while held:
            await held.pop().done()

    async def _take_in_alone(self, delivery: Delivery) -> None:
        try:
            await self._record([delivery])
        except Fault:
            raise
        except Exception:
            settings = self._settings
            pause = min(
                settings.listen_retry_seconds * 2 ** min(delivery.times - 1, 30), settings.listen_retry_most_seconds
            )
            about = {"subject": delivery.subject, "number": delivery.number, "next_in_seconds": pause}
            log.exception("A fact could not be taken in", extra=about)
            await delivery.later(pause)
        else:
            await delivery.done()

    async def _record(self, held: Sequence[Delivery]) -> None:
        told = [each for each in map(self._read, held) if each is not None]
        if not told:
            return
        links = await self._links.find(_clicked(told))
        async with self._service.transaction() as tx:
            made = await recording.record(tx, told, links, self._settings, datetime.now(UTC))
        if made:
            self._service.news.set()

    def _read(self, delivery: Delivery) -> Fact | Clicks | None:
        try:
            return facts.read(delivery.subject, delivery.id, delivery.data)
        except Unreadable as error:
            # Nobody will be able to read it later either. The stream keeps it for a while, under its number.
            about = {"subject": delivery.subject, "number": delivery.number}
            log.error("A fact cannot be read and is left out: %s", error, extra=about)
            return None


def _clicked(told: Sequence[Fact | Clicks]) -> dict[tuple[str, Mode], set[str]]:
    """The links, by workspace and mode."""
    wanted: dict[tuple[str, Mode], set[str]] = {}
    for each in told:
        if isinstance(each, Clicks):
            clicked = each.clicked
            wanted.setdefault((clicked.workspace, clicked.mode), set()).update(click.link for click in clicked.clicks)
    return wanted
