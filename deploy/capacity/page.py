"""The tables of ``deploy/capacity.md``, between its two marks; ``python -m deploy.capacity --page`` prints them."""

from collections.abc import Iterator, Sequence

from deploy.capacity import limits, queueing
from deploy.capacity.measured import BUSY_RATE, STEADY_READS, Measured, Operation, Role
from deploy.capacity.needs import Load, Needs, reckon
from deploy.capacity.shown import kept, memory, number

BEGIN = "<!-- what follows is printed by `python -m deploy.capacity --page` -->"
END = "<!-- until here -->"
# One request in twenty reads by the API, one in two hundred writes, and each write is told to somebody.
READS, WRITES = 0.05, 0.005
LOADS = (
    Load(redirects=10, reads=10 * READS, writes=10 * WRITES, deliveries=10 * WRITES, links=10_000),
    Load(redirects=1_000, reads=1_000 * READS, writes=1_000 * WRITES, deliveries=1_000 * WRITES, links=1_000_000),
    Load(
        redirects=100_000,
        reads=100_000 * READS,
        writes=100_000 * WRITES,
        deliveries=100_000 * WRITES,
        links=10_000_000,
    ),
)
_BYTES = (
    ("clients", "requests and answers of clients"),
    ("into NATS", "into NATS"),
    ("out of NATS", "out of NATS"),
    ("to and from Valkey", "to and from Valkey"),
    ("journal", "journal"),
    ("WAL", "write-ahead log of PostgreSQL"),
    ("row", "rows that stay, indexes included"),
)


def render(measured: Measured) -> str:
    parts = (_costs(measured), _sizes(measured), _needs(measured), _waits(measured))
    return "\n\n".join([BEGIN, *("\n".join(part) for part in parts), END])


def _costs(measured: Measured) -> Iterator[str]:
    yield f"Measured on {measured.at} with {measured.cores} shared cores; medians, beyond what the role uses at rest."
    yield f"*Busy* were {number(measured.values[BUSY_RATE])} redirects a second."
    yield ""
    yield from _row(["processor time, µs", *Operation, "memory of one, MiB"])
    yield from _rule(len(Operation) + 1)
    for role in Role:
        costs = [number(measured.microseconds(operation, role)) for operation in Operation]
        yield from _row([role, *costs, number(measured.mebibytes(role))])
    whole = [number(sum(measured.microseconds(operation, role) for role in Role)) for operation in Operation]
    yield from _row(["together", *whole, ""])


def _sizes(measured: Measured) -> Iterator[str]:
    yield from _row(["bytes", *Operation])
    yield from _rule(len(Operation))
    for what, words in _BYTES:
        found = [measured.values.get(f"{operation}: bytes, {what}") for operation in Operation]
        yield from _row([words, *("" if each is None else number(each) for each in found)])


def _needs(measured: Measured) -> Iterator[str]:
    all_needs = [reckon(load, measured) for load in LOADS]
    yield from _row(["at the peak, a second", *(f"{load.redirects:,.10g} redirects" for load in LOADS)])
    yield from _rule(len(LOADS))
    yield from _row(["reads / writes / deliveries", *(_api(load) for load in LOADS)])
    for role in Role:
        yield from _row([f"{role}: processes", *(f"{needs.of(role).processes:,}" for needs in all_needs)])
    yield from _row(["busy cores", *(number(needs.busy) for needs in all_needs)])
    yield from _row(["cores, if every process has its own", *(f"{needs.cores:,}" for needs in all_needs)])
    yield from _row(["cores, if all share one machine", *(f"{needs.cores_together:,}" for needs in all_needs)])
    yield from _row(["cores of PostgreSQL", *(f"{needs.of(Role.POSTGRES).cores:,}" for needs in all_needs)])
    yield from _row(["cores of NATS", *(f"{needs.of(Role.NATS).cores:,}" for needs in all_needs)])
    yield from _row(["memory of the processes", *(memory(needs.mebibytes) for needs in all_needs)])
    for place, (name, _) in enumerate(kept(all_needs[0])):
        shown = "links" if name.endswith(" links") else name
        yield from _row([shown, *(_stored(needs, place) for needs in all_needs)])
    yield from _row(["network of clients, Mbit/s", *(number(needs.network.clients) for needs in all_needs)])
    yield from _row(["network of NATS, Mbit/s", *(number(needs.network.nats) for needs in all_needs)])
    for needs in all_needs:
        met = list(limits.met(needs))
        if met:
            yield ""
            yield f"At {needs.load.redirects:,.10g} redirects a second:"
            yield ""
            yield from (f"- {words}" for words in met)


def _waits(measured: Measured) -> Iterator[str]:
    needs = reckon(Load(redirects=0, reads=STEADY_READS), measured)
    apart = queueing.reads(needs, measured, queueing.SEED)
    shared = queueing.reads(needs, measured, queueing.SEED, measured.cores)
    yield (
        f"At {STEADY_READS:g} reads a second and nothing else the simulation reckons a p99 of {apart.p99:.1f} ms, "
        f"and of {shared.p99:.1f} ms where all share {measured.cores} cores."
    )
    yield (
        "It is not measured."
        if measured.steady_p99 is None
        else f"The calmest turn of `steady` took {measured.steady_p99:.1f} ms there."
    )


def _stored(needs: Needs, place: int) -> str:
    name, amount = kept(needs)[place]
    return f"{needs.load.links:,}: {amount}" if name.endswith(" links") else amount


def _api(load: Load) -> str:
    return f"{load.reads:,.10g} / {load.writes:,.10g} / {load.deliveries:,.10g}"


def _row(cells: Sequence[str]) -> Iterator[str]:
    yield "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _rule(columns: int) -> Iterator[str]:
    yield "|---|" + "---:|" * columns
