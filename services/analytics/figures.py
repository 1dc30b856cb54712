"""What is told of the analytics to whoever watches them."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from services.analytics import store
from shared.service import Service


async def dead_letters(service: Service) -> Iterable[Metric]:
    async with service.database.connection() as db:
        kept = await store.count_dead_letters(db)
    return [
        GaugeMetricFamily(
            "waypost_analytics_dead_letters_kept", "Batches of visits that lie in the dead letters.", kept
        )
    ]
