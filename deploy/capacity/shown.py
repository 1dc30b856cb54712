"""The needs of one load as text for a terminal."""

from collections.abc import Iterator, Sequence

from deploy.capacity import limits
from deploy.capacity.measured import Measured
from deploy.capacity.needs import DEFAULTS, Load, Needs
from deploy.capacity.queueing import Waits

_UNITS = ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def text(needs: Needs, measured: Measured, waits: Waits | None) -> str:
    return "\n".join([*_head(needs.load, measured), "", *_shares(needs), "", *_stores(needs), *_ends(needs, waits)])


def size(count: float) -> str:
    """Bytes in the largest unit of which there is one."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{number(count / unit)} {name}"
    return f"{count:.0f} B"


def number(value: float) -> str:
    """Two digits that say something, or a whole number."""
    if value >= 9.95 or value < 0.0005:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2g}"


def memory(mebibytes: float) -> str:
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:.0f} MiB"


def kept(needs: Needs) -> Sequence[tuple[str, str]]:
    """What is stored, and how much of it."""
    disk, days = needs.disk, needs.load.clicks_kept_days
    return (
        ("raw clicks, a day", size(disk.clicks_a_day)),
        (f"raw clicks, {days} days", size(disk.clicks_kept)),
        ("roll-ups, a day", size(disk.link_days_a_day)),
        ("visitors of the last days", size(disk.visitors)),
        (f"{needs.load.links:,} links", size(disk.links)),
        (f"deliveries, {DEFAULTS.webhook_keep_seconds / 86_400:.0f} days", size(disk.deliveries)),
        ("PostgreSQL after a year", size(needs.database)),
        ("write-ahead log, a day", size(disk.wal_a_day)),
        (f"facts in NATS, {DEFAULTS.events_keep_seconds / 86_400:.0f} days", size(disk.events)),
        ("clicks in NATS, an hour of peak unstored", size(disk.stream_an_hour)),
        ("journals, an hour of peak without NATS", size(disk.journal_an_hour)),
    )


def _head(load: Load, measured: Measured) -> Iterator[str]:
    words = ("redirects", "reads", "writes", "webhook deliveries")
    rates = (load.redirects, load.reads, load.writes, load.deliveries)
    told = ", ".join(f"{rate:,.10g} {word}" for word, rate in zip(words, rates, strict=True))
    yield f"At the peak, a second: {told}."
    yield (
        f"Over the day {load.mean:.0%} of it. Reckoned from what was measured on {measured.at} "
        f"with {measured.cores} shared cores."
    )


def _shares(needs: Needs) -> Iterator[str]:
    yield f"{'':<16}{'busy cores':>11}{'processes':>11}{'cores':>7}{'memory':>10}"
    for share in needs.shares:
        yield (
            f"{share.role:<16}{number(share.busy):>11}{share.processes:>11,}{share.cores:>7,}"
            f"{memory(share.mebibytes):>10}"
        )
    yield f"{'together':<16}{number(needs.busy):>11}{'':>11}{needs.cores:>7,}{memory(needs.mebibytes):>10}"
    yield f"{'on one machine':<16}{'':>11}{'':>11}{needs.cores_together:>7,}"


def _stores(needs: Needs) -> Iterator[str]:
    for name, amount in kept(needs):
        yield f"{name:<42}{amount:>10}"
    network = needs.network
    for name, rate in (("clients", network.clients), ("NATS", network.nats), ("Valkey", network.valkey)):
        yield f"{f'network, {name}':<42}{number(rate):>10} Mbit/s"


def _ends(needs: Needs, waits: Waits | None) -> Iterator[str]:
    if waits:
        yield ""
        yield f"A read waits, by simulation: half of them {waits.p50:.1f} ms at most, 99 in 100 {waits.p99:.1f} ms."
    met = list(limits.met(needs))
    if met:
        yield ""
    yield from (f"- {words}" for words in met)
