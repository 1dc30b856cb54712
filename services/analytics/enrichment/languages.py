"""The language a visitor prefers."""

import re

from services.analytics.enrichment.facts import UNKNOWN

_FIRST = re.compile(r"\s*([a-z]{2,3})(?=[-_;,\s]|$)", re.ASCII | re.IGNORECASE)


def read_language(accepted: str) -> str:
    """The primary tag that ``Accept-Language`` names first: browsers send their list in order of preference."""
    first = _FIRST.match(accepted)
    return first[1].lower() if first else UNKNOWN
