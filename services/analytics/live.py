"""What has just been counted is shown to whoever watches: a message per batch, workspace and mode.

Counting never waits for it. What the stream cannot take is missing for those who watch, and only there.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from prometheus_client import Counter

from services.analytics.enrichment.facts import Facts
from shared import ids
from shared.bus import Bus
from shared.contracts.analytics import LIVE_STREAM, Happening, Visit, live_subject
from shared.contracts.modes import Mode
from shared.faults import Fault
from shared.settings import Settings

MOST_UNDER_WAY = 50

LEFT_OUT = Counter("waypost_analytics_live_left_out", "Clicks and views that were counted but could not be shown live.")

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode


class Message(msgspec.Struct, frozen=True):
    id: str
    subject: str
    payload: bytes
    size: int  # clicks and views in it


class Live:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(settings.live_queue_messages)
        self._failing = False
        self._doubtful = False
        bus.on_gap(self._doubt)

    def messages(self, batch: str, known: Iterable[tuple[Visit, Facts]], now: float) -> list[Message]:
        """What there is to show of a batch. Its id is in theirs, so that they are shown once however often it comes.

        ``now`` is in Unix seconds: a backlog that is worked off is counted, but it is not what happens now.
        """
        since = (now - self._settings.live_fresh_seconds) * 1000
        places: dict[tuple[str, Mode], list[Happening]] = {}
        for visit, facts in known:
            if visit.at > since:
                places.setdefault((visit.workspace, visit.mode), []).append(_happening(visit, facts))
        return list(_messages(batch, places, self._settings.live_message_events))

    def show(self, messages: Iterable[Message]) -> None:
        """To be called as soon as they have been counted."""
        for message in messages:
            try:
                self._waiting.put_nowait(message)
            except asyncio.QueueFull:
                self._leave_out(message, "too much happens at once")

    async def tell(self) -> None:
        """For ever; when it is cancelled, what waits is still told."""
        try:
            while True:
                await self._publish(await self._waiting.get())
        except asyncio.CancelledError:
            while not self._waiting.empty():
                await self._publish(self._waiting.get_nowait())
            raise

    async def _publish(self, first: Message) -> None:
        if self._doubtful:
            await self._look_after_the_stream()
        together = [first]
        while len(together) < MOST_UNDER_WAY and not self._waiting.empty():
            together.append(self._waiting.get_nowait())
        await asyncio.gather(*map(self._publish_one, together))

    async def _look_after_the_stream(self) -> None:
        """It lives in the memory of its server, so it is gone, and made anew, if that has been started again."""
        try:
            await self._bus.extent(LIVE_STREAM)
        except Fault as fault:
            log.info("The live stream is out of reach: %s", fault.message)
        else:
            self._doubtful = False

    async def _publish_one(self, message: Message) -> None:
        timeout = self._settings.ask_timeout_seconds
        try:
            await self._bus.publish(message.subject, message.payload, message.id, timeout)
        except Fault as fault:
            self._leave_out(message, fault.message)
            self._doubtful = True
        else:
            self._failing = False

    def _leave_out(self, message: Message, reason: str) -> None:
        LEFT_OUT.inc(message.size)
        if not self._failing:
            # Told once until it works again; how much there was is for the metric.
            log.warning("What happens cannot be shown live: %s", reason)
        self._failing = True

    def _doubt(self) -> None:
        self._doubtful = True


def _messages(batch: str, places: Mapping[tuple[str, Mode], Sequence[Happening]], most: int) -> Iterator[Message]:
    for (workspace, mode), happenings in places.items():
        # What is no id could mean something else as a part of a subject.
        if not ids.valid(workspace):
            continue
        for begin in range(0, len(happenings), most):
            together = happenings[begin : begin + most]
            # Hashed, because it becomes a header, and the batch's own id is not ours to trust.
            name = hashlib.blake2b(f"{batch} {workspace} {mode} {begin}".encode(), digest_size=16).hexdigest()
            yield Message(name, live_subject(workspace, mode), _encode(together), len(together))


def _happening(visit: Visit, facts: Facts) -> Happening:
    return Happening(
        visit.kind,
        visit.at,
        visit.link,
        visit.country,
        visit.region,
        facts.device,
        facts.os,
        facts.browser,
        facts.referrer,
        facts.utm_source,
        facts.utm_medium,
        facts.utm_campaign,
        facts.bot,
    )
