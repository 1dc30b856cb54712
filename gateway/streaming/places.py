"""The streams that are open in this process: how many there may be at a time, and when they must end."""

import asyncio
import logging
import math
from collections import Counter as Tally
from enum import StrEnum

from prometheus_client import Counter, Gauge

from gateway.keyring import Keyring
from shared.bus import Bus
from shared.contracts.keys import KeyRevoked, Verdict
from shared.faults import Code, Fault
from shared.settings import Settings

OPEN = Gauge("waypost_streams_open", "Streams that are open right now.")
ENDED = Counter("waypost_streams_ended", "Streams that have ended, by what ended them.", ["ending"])

log = logging.getLogger(__name__)


class Ending(StrEnum):
    GONE = "gone"  # the client
    SLOW = "slow"  # the client took nothing any more
    KEY = "key"  # is not good any more, or nobody can tell
    STOPPING = "stopping"  # the gateway
    DONE = "done"
    CRASH = "crash"


class Place:
    """One open stream, and the way to end it."""

    def __init__(self, caller: Verdict, secret: str, need: str) -> None:
        self.caller = caller
        self.secret = secret
        self.need = need
        self.ending: Ending | None = None
        self._ended = asyncio.Event()

    def end(self, ending: Ending) -> None:
        self.ending = self.ending or ending
        self._ended.set()

    async def ended(self) -> None:
        await self._ended.wait()


class Places:
    def __init__(self, keyring: Keyring, bus: Bus, settings: Settings) -> None:
        self._keyring = keyring
        self._bus = bus
        self._settings = settings
        self._taken: set[Place] = set()
        self._of_key: Tally[str] = Tally()
        self._of_workspace: Tally[str] = Tally()
        self._stopping = False

    async def start(self) -> None:
        await self._bus.hear(KeyRevoked, lambda event: self._end_key(event.key.id))

    def take(self, caller: Verdict, secret: str, need: str) -> Place:
        """Given back by `leave`. LIMITED or UNAVAILABLE when there are too many; ``need``: the endpoint's scope."""
        settings = self._settings
        later = math.ceil(settings.live_retry_seconds)
        if self._of_key[caller.key] >= settings.streams_per_key:
            words = f"A key opens {settings.streams_per_key} streams at a time"
            raise Fault(Code.LIMITED, words, retry_after=later)
        if self._of_workspace[caller.workspace] >= settings.streams_per_workspace:
            words = f"The keys of a workspace open {settings.streams_per_workspace} streams at a time"
            raise Fault(Code.LIMITED, words, retry_after=later)
        if self._stopping or len(self._taken) >= settings.streams_open:
            raise Fault(Code.UNAVAILABLE, "No more streams can be opened here right now", retry_after=later)
        place = Place(caller, secret, need)
        self._taken.add(place)
        self._of_key[caller.key] += 1
        self._of_workspace[caller.workspace] += 1
        OPEN.inc()
        return place

    def leave(self, place: Place) -> None:
        self._taken.remove(place)
        for tally, name in ((self._of_key, place.caller.key), (self._of_workspace, place.caller.workspace)):
            tally[name] -= 1
            if not tally[name]:
                del tally[name]
        OPEN.dec()
        ENDED.labels(place.ending or Ending.GONE).inc()

    def stop(self) -> None:
        """Ends all of them, and lets nobody begin another one."""
        self._stopping = True
        for place in self._taken:
            place.end(Ending.STOPPING)

    async def keep(self) -> None:
        """For ever: whose key has expired or lost its permission is sent away, even if no event told of it."""
        while True:
            await asyncio.sleep(self._settings.stream_check_seconds)
            secrets = {place.secret for place in self._taken}
            scopes = dict(zip(secrets, await asyncio.gather(*map(self._scopes, secrets)), strict=True))
            for place in self._taken:
                held = scopes.get(place.secret)
                if held is not None and place.need not in held:
                    place.end(Ending.KEY)

    async def _scopes(self, secret: str) -> frozenset[str] | None:
        """What a key may do now; None while that cannot be asked, and nothing can have changed either."""
        try:
            verdict = await self._keyring.verdict(secret)
        except Fault as fault:
            if not self._bus.connected:
                return None
            log.info("Streams end, because nobody can tell whether their key is still good: %s", fault.message)
            return frozenset()
        return verdict.scopes if verdict else frozenset()

    def _end_key(self, key: str) -> None:
        for place in self._taken:
            if place.caller.key == key:
                place.end(Ending.KEY)
