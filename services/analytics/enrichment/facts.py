"""What reports say about a visit."""

from typing import Literal

import msgspec

Device = Literal["Desktop", "Mobile", "Tablet", "Other"]

UNKNOWN = "Unknown"


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    device: Device  # televisions, consoles, watches, headsets and programs are "Other"
    os: str  # a family such as "iOS", or "Unknown"
    browser: str  # a family such as "Safari", or "Unknown"
    bot: bool
    referrer: str  # a host, or "Direct"
    language: str  # the primary tag in lower case, or "Unknown"
    utm_source: str  # "" when the visit names none, as all of these
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str
