"""What is told of the webhooks to whoever watches them."""

from collections.abc import Iterable

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric

from services.webhooks import store_figures
from services.webhooks.judgement import Verdict
from shared.metrics.cells import Tallies, Timings
from shared.service import Service

ATTEMPTS = Tallies(
    "waypost_webhook_attempts",
    "Attempts to deliver, by what became of the delivery and by the kind of answer, e.g. 2xx.",
    ["state", "answer"],
)
TOOK = Timings("waypost_webhook_attempt_seconds", "Time that an attempt to deliver took.", [])
for each in (ATTEMPTS, TOOK):
    REGISTRY.register(each)


def count(verdict: Verdict) -> None:
    result = verdict.result
    ATTEMPTS.add(result.state.value, "none" if result.status is None else f"{result.status // 100}xx")
    TOOK.of().add(result.took_ms / 1000)


async def standing(service: Service) -> Iterable[Metric]:
    async with service.database.connection() as db:
        found = await store_figures.find_standing(db)
    deliveries = GaugeMetricFamily(
        "waypost_webhook_deliveries", "Deliveries that are not done, by their state.", labels=["state"]
    )
    deliveries.add_metric(["pending"], found.pending)
    deliveries.add_metric(["dropped"], found.dropped)
    endpoints = GaugeMetricFamily("waypost_webhook_endpoints", "Endpoints, by how they stand.", labels=["standing"])
    endpoints.add_metric(["well"], found.well)
    endpoints.add_metric(["failing"], found.failing)
    endpoints.add_metric(["disabled"], found.disabled)
    overdue = GaugeMetricFamily(
        "waypost_webhook_overdue_seconds",
        "How long the endpoint that waits longest has been due; 0 without any.",
        found.overdue_seconds,
    )
    return deliveries, endpoints, overdue
