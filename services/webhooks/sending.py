"""Deliveries go out: claimed for a while, attempted, and what has become of them written down.

Nothing is written down before an attempt but the claim. So whoever is killed in the middle leaves claims that end by
themselves, and the attempt is made again. Any number of copies may do this.
"""

import asyncio
import contextlib
import logging
import random
import time
from datetime import UTC, datetime

from services.webhooks import figures, judgement
from services.webhooks.attempt import Courier, Message, Outcome
from services.webhooks.claims import Claims
from services.webhooks.judgement import Verdict
from services.webhooks.store_sending import Claimed
from services.webhooks.vault import Vault
from shared.faults import Fault
from shared.sealing import Unsealable
from shared.service import Service
from shared.stopping import cancel

# Of the time that a stopping process has, so much is for writing down.
STOP_RESERVE_SECONDS = 2.0

log = logging.getLogger(__name__)


async def send(service: Service) -> None:
    """Runs for as long as the service does. What is made due here is sent at once; other copies find it when they look.

    When it is cancelled nothing more is claimed, and what is under way may still end.
    """
    async with Courier(service.settings) as courier:
        sender = Sender(service, courier)
        work = asyncio.create_task(sender.run(), name="deliveries on their way")
        try:
            await asyncio.shield(work)
        finally:
            sender.stop()
            await _end(work)


async def _end(work: "asyncio.Task[None]") -> None:
    # Whoever cancels does so again every second; but the work knows by itself when its time is over.
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            continue


class Sender:
    def __init__(self, service: Service, courier: Courier) -> None:
        self._settings = service.settings
        self._claims = Claims(service)
        self._courier = courier
        self._vault = Vault(service.settings.secret_key)
        self._dice = random.Random()
        self._news = service.news
        self._stopping = False
        self._idle = asyncio.Event()
        self._under_way: dict[asyncio.Task[Outcome], Claimed] = {}
        self._verdicts: list[Verdict] = []

    def stop(self) -> None:
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        while not self._stopping:
            self._news.clear()
            try:
                await self._round()
            except Fault as fault:
                log.info("Deliveries wait: %s", fault.message)
            await self._pause()
        await self._finish()

    async def _round(self) -> None:
        # What was attempted is written down first: nothing may be claimed of which we know more than the database.
        verdicts = list(self._verdicts)
        claimed, more = await self._claims.turn(verdicts, self._under_way.values())
        # Only now, because without the database it has to be said again.
        del self._verdicts[: len(verdicts)]
        for each in claimed:
            self._begin(each)
        if more:
            self._news.set()
        await self._claims.disable()

    async def _settle(self) -> None:
        verdicts = list(self._verdicts)
        if verdicts:
            await self._claims.settle(verdicts)
            del self._verdicts[: len(verdicts)]
        await self._claims.disable()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.webhook_poll_seconds):
                await self._news.wait()
        if self._verdicts and self._under_way:
            # A transaction costs about the same for one verdict and for several.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.webhook_gather_seconds):
                    await self._idle.wait()

    async def _finish(self) -> None:
        end = time.monotonic() + max(0.0, self._settings.stop_timeout_seconds - STOP_RESERVE_SECONDS)
        if self._under_way:
            log.info("The end of %d attempts is awaited", len(self._under_way))
        while self._under_way and (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._under_way, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            with contextlib.suppress(Fault):  # said again below
                await self._settle()
        cut_short = list(self._under_way.values())
        await cancel(list(self._under_way))
        try:
            await self._settle()
            if cut_short:
                await self._claims.give_back([claimed.claim for claimed in cut_short])
        except Fault as fault:
            log.warning("%d attempts will be made again: %s", len(cut_short) + len(self._verdicts), fault.message)

    def _begin(self, claimed: Claimed) -> None:
        try:
            message = self._open(claimed)
        except Unsealable as error:
            log.error("A delivery cannot be signed: %s", error, extra={"endpoint": claimed.endpoint})
            outcome = Outcome(at=datetime.now(UTC), took_ms=0, error="The secrets of the endpoint cannot be read")
            self._judge(claimed, outcome)
            return
        task = asyncio.create_task(self._courier.carry(message), name="delivery")
        self._under_way[task] = claimed
        self._idle.clear()
        task.add_done_callback(self._ended)

    def _open(self, claimed: Claimed) -> Message:
        secrets = [self._vault.open_secret(claimed.endpoint, claimed.secret)]
        if claimed.former_secret and claimed.former_ends_at and datetime.now(UTC) < claimed.former_ends_at:
            secrets.append(self._vault.open_secret(claimed.endpoint, claimed.former_secret))
        headers = self._vault.open_headers(claimed.endpoint, claimed.headers)
        return Message(
            id=f"msg_{claimed.id}",
            topic=claimed.topic,
            url=claimed.url,
            body=claimed.body,
            headers={header.name: header.value for header in headers},
            secrets=tuple(secrets),
        )

    def _ended(self, task: "asyncio.Task[Outcome]") -> None:
        claimed = self._under_way.pop(task)
        if not self._under_way:
            self._idle.set()
        if not task.cancelled():
            self._judge(claimed, task.result())

    def _judge(self, claimed: Claimed, outcome: Outcome) -> None:
        verdict = judgement.judge(claimed, outcome, self._dice, self._settings)
        figures.count(verdict)
        self._verdicts.append(verdict)
        self._news.set()
