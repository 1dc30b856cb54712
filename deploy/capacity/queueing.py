"""How long a read waits: a small discrete-event simulation of the stations on its way.

Each station is some servers with one queue, first come, first served. Requests come at random (Poisson); what a station
takes is random around its mean (exponential), which is more uneven than it is. The gateway and the links service do
half of their work on the way in and half on the way out.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from deploy.capacity.measured import Measured, Operation, Role
from deploy.capacity.needs import Needs

REQUESTS = 20_000
SEED = 1
# The first ones find it emptier than it will be.
WARM_UP = 0.1
_ON_THE_WAY = (Role.GATEWAY, Role.VALKEY, Role.NATS, Role.LINKS, Role.POSTGRES)
_MOST_OTHER_WORK = 0.95


class Station(msgspec.Struct, frozen=True):
    name: str
    servers: int


class Step(msgspec.Struct, frozen=True):
    station: str
    seconds: float  # the mean


class Waits(msgspec.Struct, frozen=True):
    """Milliseconds from the arrival to the end of the last step."""

    p50: float
    p99: float


def read_path(measured: Measured) -> list[Step]:
    def takes(role: Role, share: float = 1.0) -> Step:
        return Step(role, measured.microseconds(Operation.READ, role) * share * 1e-6)

    return [
        takes(Role.GATEWAY, 0.5),
        takes(Role.VALKEY),
        takes(Role.NATS, 0.5),
        takes(Role.LINKS, 0.5),
        takes(Role.POSTGRES),
        takes(Role.LINKS, 0.5),
        takes(Role.NATS, 0.5),
        takes(Role.GATEWAY, 0.5),
    ]


def stations(needs: Needs) -> list[Station]:
    """As many servers as there are cores for the role: a connection without a core for it only waits elsewhere."""
    return [Station(role, needs.of(role).cores) for role in _ON_THE_WAY]


def slowed(step: Step, needs: Needs, measured: Measured) -> Step:
    """The station's other work takes its part of each core, so a step takes as much longer."""
    role = Role(step.station)
    share = needs.of(role)
    reads = needs.load.reads * measured.microseconds(Operation.READ, role) * 1e-6
    other = max(0.0, share.busy - reads) / share.cores
    return Step(step.station, step.seconds / (1 - min(other, _MOST_OTHER_WORK)))


def reads(needs: Needs, measured: Measured, seed: int, cores: int | None = None) -> Waits:
    """Only reads are on their way; what else the stations do makes each step longer.

    ``cores``: of the one machine that all is on, if it is.
    """
    path = [slowed(step, needs, measured) for step in read_path(measured)]
    return simulate(path, stations(needs), needs.load.reads, random.Random(seed), cores=cores)


def simulate(
    path: Sequence[Step],
    places: Sequence[Station],
    per_second: float,
    chance: random.Random,
    requests: int = REQUESTS,
    cores: int | None = None,
) -> Waits:
    """Endless waiting lines, so a station with more work than servers shows in the waits.

    With ``cores`` a server must have one of them, too, while it works.
    """
    run = _Run(path, places, chance, cores)
    arrived: list[float] = []
    now = 0.0
    for number in range(requests):
        now += chance.expovariate(per_second)
        arrived.append(now)
        run.arrives(now, number)
    took = sorted(at - arrived[number] for at, number in run.departures() if number >= requests * WARM_UP)
    return Waits(_percentile(took, 0.5) * 1000, _percentile(took, 0.99) * 1000)


class _Run:
    def __init__(
        self, path: Sequence[Step], places: Sequence[Station], chance: random.Random, cores: int | None
    ) -> None:
        self._path = path
        self._chance = chance
        self._lines = {place.name: _Line(place.servers) for place in places}
        self._cores = _Line(sum(place.servers for place in places) if cores is None else cores)
        # When, which request, which step of it, and whether that ends (or else begins).
        self._events: list[tuple[float, int, int, bool]] = []

    def arrives(self, at: float, number: int, step: int = 0) -> None:
        heapq.heappush(self._events, (at, number, step, False))

    def departures(self) -> Iterator[tuple[float, int]]:
        """When each request has taken its last step."""
        while self._events:
            at, number, step, ends = heapq.heappop(self._events)
            line = self._lines[self._path[step].station]
            if not ends:
                if line.enter(number, step):
                    self._ready(at, number, step)
                continue
            if following := self._cores.leave():
                self._work(at, *following)
            if following := line.leave():
                self._ready(at, *following)
            if step + 1 < len(self._path):
                self.arrives(at, number, step + 1)
            else:
                yield at, number

    def _ready(self, at: float, number: int, step: int) -> None:
        """It has a server, which needs a core."""
        if self._cores.enter(number, step):
            self._work(at, number, step)

    def _work(self, at: float, number: int, step: int) -> None:
        mean = self._path[step].seconds
        takes = self._chance.expovariate(1 / mean) if mean else 0.0
        heapq.heappush(self._events, (at + takes, number, step, True))


class _Line:
    """Servers, and requests with their step that wait for one."""

    def __init__(self, servers: int) -> None:
        self._free = servers
        self._waiting: deque[tuple[int, int]] = deque()

    def enter(self, number: int, step: int) -> bool:
        """Is there a free server?"""
        if not self._free:
            self._waiting.append((number, step))
            return False
        self._free -= 1
        return True

    def leave(self) -> tuple[int, int] | None:
        """Who takes the server over."""
        if self._waiting:
            return self._waiting.popleft()
        self._free += 1
        return None


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
