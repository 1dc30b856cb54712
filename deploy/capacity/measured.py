"""What was measured: processor time and bytes of one redirect, read, write and delivery, by role.

``measured.json`` holds the figures that count when none are given. It has the form of ``bench.json``, of which it has
the rows `capacity` and `steady`: a name, a unit and a median each.
"""

from enum import StrEnum
from importlib.resources import files
from pathlib import Path

import msgspec

ROW = "capacity"
# The row that the simulation is held against: reads at this pace, and how long 99 in 100 take at most.
STEADY_ROW, STEADY_READS, STEADY_P99 = "steady", 500.0, "p99 at 500/s"


# How many redirects a second "as many as one gateway can" were, all else on the machine being busy with them, too.
BUSY_RATE = "redirect, busy: a second"
# Bytes that every operation has, if only none.
FLOWS = ("into NATS", "out of NATS", "to and from Valkey", "WAL")


class Role(StrEnum):
    """Who does the work."""

    GATEWAY = "gateway"
    LINKS = "links"
    KEYS = "keys"
    ANALYTICS = "analytics"
    WEBHOOKS = "webhooks"
    OTHERS = "other services"
    POSTGRES = "postgres"
    NATS = "nats"
    VALKEY = "valkey"


SERVICES_OF_THEIR_OWN = (Role.LINKS, Role.KEYS, Role.ANALYTICS, Role.WEBHOOKS)


class Operation(StrEnum):
    """What is done once. A redirect includes its click, until it is stored and counted."""

    REDIRECT = "redirect"
    REDIRECT_BUSY = "redirect, busy"  # as many as one gateway can
    READ = "read"
    WRITE = "write"
    DELIVERY = "delivery"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The medians by name, and where they come from."""

    at: str
    cores: int
    values: dict[str, float]
    # Milliseconds of the calmest turn, if that row was measured, too: neighbours can only make it longer.
    steady_p99: float | None = None

    def microseconds(self, operation: Operation, role: Role) -> float:
        """Processor time beyond what the role uses at rest."""
        return self.values[cpu_name(operation, role)]

    def bytes(self, operation: Operation, what: str) -> float:
        return self.values[bytes_name(operation, what)]

    def idle_cores(self, role: Role) -> float:
        """Of all processes of the role in the smallest installation."""
        return self.values[idle_name(role)]

    def mebibytes(self, role: Role) -> float:
        return self.values[memory_name(role)]


class _Figure(msgspec.Struct, frozen=True):
    name: str
    median: float
    least: float | None = None


class _Machine(msgspec.Struct, frozen=True):
    cores: int


class _File(msgspec.Struct, frozen=True):
    at: str
    machine: _Machine
    rows: dict[str, tuple[_Figure, ...]]


class NotMeasured(Exception):
    """The file does not hold what is reckoned with."""


def read(path: Path | None = None) -> Measured:
    """Of a ``bench.json``, or those that come along."""
    data = path.read_bytes() if path else files(__package__).joinpath("measured.json").read_bytes()
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError as error:
        raise NotMeasured(f"{path} is no result of `make bench`: {error}") from None
    if ROW not in file.rows:
        raise NotMeasured(f"{path} has no row {ROW!r}: `make bench ONLY={ROW}` measures it")
    values = {figure.name: figure.median for figure in file.rows[ROW]}
    if missing := sorted(_names() - values.keys()):
        raise NotMeasured(f"{path} lacks {', '.join(missing[:3])}: `make bench ONLY={ROW}` measures it anew")
    steady = {figure.name: figure.least for figure in file.rows.get(STEADY_ROW, ())}
    return Measured(at=file.at[:10], cores=file.machine.cores, values=values, steady_p99=steady.get(STEADY_P99))


def _names() -> set[str]:
    """All that is reckoned with."""
    clicks = (Operation.REDIRECT, Operation.REDIRECT_BUSY)
    return {
        *(cpu_name(operation, role) for operation in Operation for role in Role),
        *(bytes_name(operation, what) for operation in Operation for what in FLOWS),
        BUSY_RATE,
        *(bytes_name(click, "journal") for click in clicks),
        *(bytes_name(Operation.REDIRECT, what) for what in ("clients", "row", "link's day", "visitors")),
        *(bytes_name(operation, "clients") for operation in (Operation.READ, Operation.WRITE)),
        *(bytes_name(operation, "row") for operation in (Operation.WRITE, Operation.DELIVERY)),
        *(name(role) for role in Role for name in (idle_name, memory_name)),
    }


def cpu_name(operation: Operation, role: Role) -> str:
    return f"{operation}: {role}"


def bytes_name(operation: Operation, what: str) -> str:
    return f"{operation}: bytes, {what}"


def idle_name(role: Role) -> str:
    return f"at rest: {role}"


def memory_name(role: Role) -> str:
    return f"memory: {role}"
