"""What is told of domains and QR codes to whoever watches them."""

from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from services.links import store_all_domains
from shared.contracts.links.domains import DomainStatus
from shared.metrics.cells import Timings
from shared.service import Service


class Seen(StrEnum):
    """What a look into the DNS has found where the proof is to be."""

    PROOF = "proof"
    NOTHING = "nothing"
    SOMETHING_ELSE = "something else"
    SILENCE = "silence"
    REFUSAL = "refusal"


LOOKS = Counter("waypost_domain_looks", "Looks into the DNS for the proof of a domain, by what was found.", ["seen"])
DRAWN = Timings("waypost_qr_draw_seconds", "Time that the picture of a QR code took.", [])
REGISTRY.register(DRAWN)
# A rate needs a value to begin with, also for what has never happened.
for each in Seen:
    LOOKS.labels(each)


async def domains(service: Service) -> Iterable[Metric]:
    async with service.database.connection() as db:
        counts = await store_all_domains.count_by_status(db)
    family = GaugeMetricFamily("waypost_domains", "Domains of all workspaces, by their status.", labels=["status"])
    for status in DomainStatus:
        family.add_metric([status], counts[status])
    return (family,)
