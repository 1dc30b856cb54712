"""What waits in the streams for this process and its copies."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from shared.bus import Bus


async def backlogs(bus: Bus) -> Iterable[Metric]:
    """Of every consumer that this process reads; its copies, who share it, tell the same."""
    labels = ["stream", "consumer"]
    pending = GaugeMetricFamily(
        "waypost_consumer_pending", "Messages that wait to be delivered to a consumer.", labels=labels
    )
    unsettled = GaugeMetricFamily(
        "waypost_consumer_unsettled", "Messages that were delivered and are not acknowledged yet.", labels=labels
    )
    redelivered = GaugeMetricFamily(
        "waypost_consumer_redelivered", "Of these, those that were delivered more than once.", labels=labels
    )
    for each in await bus.backlogs():
        of = [each.stream, each.consumer]
        pending.add_metric(of, each.pending)
        unsettled.add_metric(of, each.unsettled)
        redelivered.add_metric(of, each.redelivered)
    return pending, unsettled, redelivered
