"""What a visit tells about itself: device, system, browser, bot or not, where it came from, which campaign."""

from services.analytics.enrichment.enrichment import Enrichment
from services.analytics.enrichment.facts import UNKNOWN, Facts

__all__ = ["UNKNOWN", "Enrichment", "Facts"]
