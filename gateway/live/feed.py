"""The clicks and views of one workspace, from a position on, through every outage of the stream they come from."""

import asyncio
import logging
import time

import msgspec

from gateway.live.position import Position
from shared.bus import Bus, Delivery, Extent, Follower
from shared.contracts.analytics import LIVE_STREAM, Happening, live_subject
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from shared.settings import Settings

log = logging.getLogger(__name__)

_decoder = msgspec.msgpack.Decoder(tuple[Happening, ...])


class Event(msgspec.Struct, frozen=True):
    happening: Happening
    after: Position  # where to go on when this one has been shown


class Gap(msgspec.Struct, frozen=True):
    """From here on there may be something missing: more than is kept has happened meanwhile."""


News = list[Event] | Gap


class Feed:
    """For one reader. `open` it, and `close` it in the end."""

    def __init__(self, bus: Bus, settings: Settings, workspace: str, mode: Mode, position: Position | None) -> None:
        self._bus = bus
        self._settings = settings
        self._subject = live_subject(workspace, mode)
        self._position = position
        self._follower: Follower | None = None
        self._ahead: Extent | None = None
        self._missed = False
        self._waiting = False

    @property
    def position(self) -> Position:
        """Where to go on after all that `next` has given so far; it moves on while nothing happens here, too."""
        assert self._position, "the feed is open"
        return self._position

    async def open(self) -> None:
        """From now on nothing is missed; UNAVAILABLE when the stream is out of reach."""
        extent = await self._bus.extent(LIVE_STREAM)
        position = self._position or Position(extent.epoch, extent.next)
        if position.epoch != extent.epoch or not extent.first <= position.number <= extent.next:
            self._missed = True
            position = Position(extent.epoch, extent.first)
        forget = self._settings.live_forget_seconds
        self._follower = await self._bus.follow(LIVE_STREAM, self._subject, position.number, forget_seconds=forget)
        self._position, self._ahead = position, None
        self._waiting = False

    async def next(self, wait_seconds: float) -> News | None:
        """What comes next; None when it is silent for so long."""
        until = time.monotonic() + wait_seconds
        while (left := until - time.monotonic()) > 0:
            try:
                if (news := await self._look(min(left, self._settings.live_poll_seconds))) is not None:
                    return news
            except Fault as fault:
                if not self._waiting:
                    # Once for an outage, since it is tried again several times a second.
                    log.info("A watcher waits: %s", fault.message)
                self._waiting = True
                await self.close()
                await asyncio.sleep(min(left, self._settings.bus_reconnect_wait_seconds))
        return None

    async def close(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            await follower.close()

    async def _look(self, wait_seconds: float) -> News | None:
        if self._follower is None:
            await self.open()
        assert self._follower
        if self._missed:
            self._missed = False
            return Gap()
        if (delivery := await self._follower.next(wait_seconds)) is None:
            await self._move_on()
            return None
        self._ahead = None
        return self._read(delivery)

    async def _move_on(self) -> None:
        """Other workspaces fill the stream too: without this, a quiet one would soon seem to have missed something."""
        if self._ahead is None:
            self._ahead = await self._bus.extent(LIVE_STREAM)
            return
        if self._ahead.epoch != self.position.epoch:
            raise Fault(Code.UNAVAILABLE, "The stream has been made anew")
        # It was silent since we saw the stream end there, so nothing before is for us.
        self._position, self._ahead = Position(self._ahead.epoch, self._ahead.next), None

    def _read(self, delivery: Delivery) -> News | None:
        epoch, number = self.position.epoch, delivery.number
        skip = self.position.skip if number == self.position.number else 0
        self._position = Position(epoch, number + 1)
        happenings = _decoder.decode(delivery.data)
        last = len(happenings)
        return [
            Event(happening, self._position if count == last else Position(epoch, number, count))
            for count, happening in enumerate(happenings[skip:], skip + 1)
        ] or None
