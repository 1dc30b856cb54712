"""From a load at its peak to processes, cores, memory, disk and network: sums of what was measured, nothing else."""

import math

import msgspec

from deploy.capacity.measured import (
    BUSY_RATE,
    SERVICES_OF_THEIR_OWN,
    Measured,
    NotMeasured,
    Operation,
    Role,
    bytes_name,
    cpu_name,
)
from shared.settings import Settings

# Of a core at the peak: past it waiting times grow faster than the load.
BUSY = 0.6
# What the row of the benchmark sends when it is not as much as can be, per gateway worker and second.
PACED_REDIRECTS = 1_000.0
# Accounts and profile, which have a process each.
OTHER_SERVICES = 2
# How long things are kept, and how large they may grow, unless somebody has said otherwise.
DEFAULTS = Settings(nats_url="")
_DAY = 86_400
_MICRO = 1e-6


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Per second at the peak of the day, and what is kept."""

    redirects: float
    reads: float = 0.0
    writes: float = 0.0
    deliveries: float = 0.0
    links: int = 100_000
    clicks_kept_days: int = 90
    mean: float = 0.4  # of the peak, over the day


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one role needs. A process of ours has one event loop, and so fills one core at most."""

    role: Role
    busy: float  # cores at the peak
    processes: int  # those that take turns; a PostgreSQL, NATS or Valkey counts as one
    cores: int  # to have, so that they are no busier than `BUSY`
    mebibytes: float


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes."""

    clicks_a_day: float
    clicks_kept: float
    link_days_a_day: float  # the roll-ups, which stay
    visitors: float
    links: float
    deliveries: float
    wal_a_day: float  # to be kept where it is archived
    stream_an_hour: float  # of clicks at the peak while nobody stores them
    journal_an_hour: float  # of all gateways while NATS is away, at the peak
    events: float


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Megabits a second at the peak, without what TCP and TLS add."""

    clients: float
    nats: float
    valkey: float


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    load: Load
    shares: tuple[Share, ...]
    disk: Disk
    network: Network

    def of(self, role: Role) -> Share:
        return next(share for share in self.shares if share.role == role)

    @property
    def cores(self) -> int:
        """If every process has its own."""
        return sum(share.cores for share in self.shares)

    @property
    def cores_together(self) -> int:
        """If all share one machine."""
        return math.ceil(self.busy / BUSY)

    @property
    def busy(self) -> float:
        return sum(share.busy for share in self.shares)

    @property
    def mebibytes(self) -> float:
        return sum(share.mebibytes for share in self.shares)

    @property
    def database(self) -> float:
        """Bytes in PostgreSQL once clicks have been kept as long as they are, and a year's roll-ups are there."""
        disk = self.disk
        return disk.clicks_kept + 365 * disk.link_days_a_day + disk.visitors + disk.links + disk.deliveries


def reckon(load: Load, measured: Measured) -> Needs:
    workers = gateway_workers(load, measured)
    return Needs(
        load=load,
        shares=tuple(_share(role, load, measured, workers) for role in Role),
        disk=_disk(load, measured, workers),
        network=_network(load, measured, workers),
    )


def gateway_workers(load: Load, measured: Measured) -> int:
    """The fewest that are no busier than they should be."""
    if measured.idle_cores(Role.GATEWAY) >= BUSY:
        raise NotMeasured("The gateway was not at rest when that was measured, so no number of them would do")
    workers = 1
    while _busy(Role.GATEWAY, load, measured, workers) > workers * BUSY:
        workers += 1
    return workers


def of_redirect(name: str, other: str, per_worker: float, measured: Measured) -> float:
    """What one redirect costs when each gateway worker answers so many a second; the names are of both figures.

    The more there are, the more share a wake-up, a batch and a transaction: what is used in a second is a straight
    line over the rate, through the two rates that were measured. A machine that is too slow for two has one.
    """
    paced, busy = measured.values[name], measured.values[other]
    most = measured.values[BUSY_RATE]
    if per_worker <= PACED_REDIRECTS or most <= PACED_REDIRECTS:
        return paced
    slope = (most * busy - PACED_REDIRECTS * paced) / (most - PACED_REDIRECTS)
    return slope + (paced - slope) * PACED_REDIRECTS / per_worker


def _busy(role: Role, load: Load, measured: Measured, workers: int) -> float:
    """Cores at the peak, what the role uses at rest included."""
    names = cpu_name(Operation.REDIRECT, role), cpu_name(Operation.REDIRECT_BUSY, role)
    used = load.redirects * of_redirect(*names, load.redirects / workers, measured)
    for operation, rate in _others(load):
        used += rate * measured.microseconds(operation, role)
    return used * _MICRO + measured.idle_cores(role) * (workers if role == Role.GATEWAY else 1)


def _share(role: Role, load: Load, measured: Measured, workers: int) -> Share:
    busy = _busy(role, load, measured, workers)
    cores = max(1, math.ceil(busy / BUSY))
    processes = 1
    if role == Role.GATEWAY:
        cores = processes = workers
    elif role == Role.OTHERS:
        cores = processes = max(OTHER_SERVICES, cores)
    elif role in SERVICES_OF_THEIR_OWN:
        processes = cores
    return Share(
        role=role,
        busy=busy,
        processes=processes,
        cores=cores,
        mebibytes=processes * measured.mebibytes(role),
    )


def _others(load: Load) -> tuple[tuple[Operation, float], ...]:
    return (
        (Operation.READ, load.reads),
        (Operation.WRITE, load.writes),
        (Operation.DELIVERY, load.deliveries),
    )


def _bytes(load: Load, measured: Measured, workers: int, what: str) -> float:
    """A second at the peak."""
    names = bytes_name(Operation.REDIRECT, what), bytes_name(Operation.REDIRECT_BUSY, what)
    redirects = load.redirects * of_redirect(*names, load.redirects / workers, measured)
    return redirects + sum(rate * measured.bytes(operation, what) for operation, rate in _others(load))


def _disk(load: Load, measured: Measured, workers: int) -> Disk:
    seconds = _DAY * load.mean
    clicks, deliveries = load.redirects * seconds, load.deliveries * DEFAULTS.webhook_keep_seconds * load.mean
    clicks_a_day = clicks * measured.bytes(Operation.REDIRECT, "row")
    only_clicks = msgspec.structs.replace(load, reads=0.0, writes=0.0, deliveries=0.0)
    events = load.writes * DEFAULTS.events_keep_seconds * load.mean
    return Disk(
        clicks_a_day=clicks_a_day,
        clicks_kept=clicks_a_day * load.clicks_kept_days,
        link_days_a_day=min(clicks, load.links) * measured.bytes(Operation.REDIRECT, "link's day"),
        # Of the running day, too.
        visitors=clicks * (DEFAULTS.visitors_keep_days + 1) * measured.bytes(Operation.REDIRECT, "visitors"),
        links=load.links * measured.bytes(Operation.WRITE, "row"),
        deliveries=deliveries * measured.bytes(Operation.DELIVERY, "row"),
        wal_a_day=_bytes(load, measured, workers, "WAL") * seconds,
        stream_an_hour=_bytes(only_clicks, measured, workers, "into NATS") * 3_600,
        journal_an_hour=load.redirects * measured.bytes(Operation.REDIRECT, "journal") * 3_600,
        events=events * measured.bytes(Operation.WRITE, "into NATS"),
    )


def _network(load: Load, measured: Measured, workers: int) -> Network:
    operations = ((Operation.REDIRECT, load.redirects), (Operation.READ, load.reads), (Operation.WRITE, load.writes))
    clients = sum(rate * measured.bytes(operation, "clients") for operation, rate in operations)
    into, out = (_bytes(load, measured, workers, what) for what in ("into NATS", "out of NATS"))
    return Network(
        clients=clients * 8 * _MICRO,
        nats=(into + out) * 8 * _MICRO,
        valkey=_bytes(load, measured, workers, "to and from Valkey") * 8 * _MICRO,
    )
