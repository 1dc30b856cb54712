"""What can be watched of the limiter."""

from prometheus_client import Counter, Gauge, Histogram

DECISIONS = Counter("waypost_limiter_decisions", "Decisions, by who counted and how it ended.", ["by", "outcome"])
# Looking a series up by its labels costs more than counting in it.
DECISIONS_BY = {
    (exact, allowed): DECISIONS.labels("valkey" if exact else "local", "allowed" if allowed else "refused")
    for exact in (True, False)
    for allowed in (True, False)
}
REFUSALS = Counter("waypost_limiter_refusals", "Refused calls, by the layer that refused.", ["layer"])
FAILURES = Counter("waypost_limiter_failures", "Round trips to Valkey without a decision in time.", ["reason"])
# What has not happened yet is told as 0, so that its first time shows as growth.
for reason in ("late", "queue full"):
    FAILURES.labels(reason)
LOCAL = Gauge("waypost_limiter_local", "1 while this gateway leaves Valkey alone and counts its share, else 0.")
ROUND_TRIPS = Histogram(
    "waypost_limiter_round_trip_seconds",
    "Time for all decisions of one round trip to Valkey.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0),
)
