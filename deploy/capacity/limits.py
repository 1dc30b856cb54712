"""Where one server ends, and what to do then."""

from collections.abc import Iterator

from deploy.capacity.measured import Role
from deploy.capacity.needs import BUSY, DEFAULTS, Needs

# Cores that one PostgreSQL is given before its work is divided, and gigabytes that are still restored within hours.
DATABASE_CORES = 16
DATABASE_BYTES = 2e12
# Of all copies to one PostgreSQL.
CONNECTIONS = 400
# Megabits a second: most of a network of 1 Gbit/s.
NETWORK = 600.0
# Cores of a NATS server: its streams are written one message at a time each.
NATS_CORES = 4


def met(needs: Needs) -> Iterator[str]:
    """A sentence for each limit of one server that this load meets."""
    if needs.busy > 1 or needs.load.redirects >= 1_000:
        yield "Two copies of everything at least, so that one may fail: one more of each process than stands here."
    postgres = needs.of(Role.POSTGRES)
    if postgres.cores > DATABASE_CORES:
        yield (
            f"PostgreSQL would need {postgres.cores} cores: give analytics a PostgreSQL of its own "
            "(WAYPOST_DATABASE_URL of that service), and distribute it by workspace with Citus when that one is full."
        )
    if needs.database > DATABASE_BYTES:
        yield (
            f"The database grows to {needs.database / 1e12:.1f} TB: keep raw clicks for fewer days "
            "(WAYPOST_CLICKS_KEEP_DAYS; reports do not read them), or spread their daily partitions."
        )
    services = (Role.LINKS, Role.KEYS, Role.ANALYTICS, Role.WEBHOOKS, Role.OTHERS)
    connections = DEFAULTS.database_pool_size * sum(needs.of(role).processes for role in services)
    if connections > CONNECTIONS:
        yield f"The copies open {connections:,} connections to PostgreSQL: WAYPOST_DATABASE_POOL_SIZE makes them fewer."
    if needs.of(Role.ANALYTICS).processes > 1:
        yield (
            f"{needs.of(Role.ANALYTICS).processes} copies of analytics share the click stream; that the "
            "counters of the busiest links are then updated by several at a time is not in the figures."
        )
    if needs.of(Role.NATS).busy > NATS_CORES * BUSY or needs.network.nats > NETWORK:
        yield (
            f"NATS moves {needs.network.nats:,.0f} Mbit/s: three servers (WAYPOST_STREAM_REPLICAS=3) share the "
            "clients, but each click is written three times and sent to two more; past 1 Gbit/s only a faster network "
            "helps."
        )
    if needs.of(Role.VALKEY).busy > BUSY:
        yield (
            "Valkey counts on one core and would be too busy: a faster one, or fewer layers "
            "(WAYPOST_LIMIT_…=0); without it the gateways limit by themselves."
        )
    if needs.network.clients > NETWORK:
        yield f"Clients move {needs.network.clients:,.0f} Mbit/s: gateways on several machines behind a balancer."
    yield from _waiting_clicks(needs)


def _waiting_clicks(needs: Needs) -> Iterator[str]:
    """Within an hour at the peak."""
    stream = needs.disk.stream_an_hour / DEFAULTS.clicks_stream_bytes
    if stream > 1:
        yield (
            f"The click stream is full after {60 / stream:.0f} minutes in which no analytics stores; then clicks "
            "wait in the journals (WAYPOST_CLICKS_STREAM_BYTES)."
        )
    journal = needs.disk.journal_an_hour / needs.of(Role.GATEWAY).processes / DEFAULTS.journal_cap_bytes
    if journal > 1:
        yield (
            f"A worker's journal is full after {60 / journal:.0f} minutes without NATS; then the newest clicks are "
            "dropped and counted (WAYPOST_JOURNAL_CAP_BYTES)."
        )
