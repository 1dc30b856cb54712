"""Which kind of device a user agent string stands for."""

from typing import cast

from ua_parser import Domain
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

from services.analytics.enrichment.facts import Device

# The first that fits counts, because the strings borrow from each other: an Xbox says Windows, a Windows phone says
# Android, a television says Android or Linux, and Internet Explorer says "Tablet PC" on every desktop.
KINDS: tuple[tuple[str, Device], ...] = (
    (
        r"(?i)smart-?tv|\btv\b|hbbtv|googletv|appletv|web0s|netcast|crkey|bravia|roku|vidaa|(?-i:\bAFT[A-Z0-9]+\b)",
        "Other",
    ),
    (r"(?i)xbox|playstation|nintendo|oculus|\bquest \d|\bwatch", "Other"),
    (r"(?i)ipad|playbook|kindle|tablet(?:[^ ]|$| [^p])", "Tablet"),
    (r"(?i)mobi|iphone|ipod|phone|blackberry|\bbb10|opera mini|symbian|nokia|midp|kaios", "Mobile"),
    (r"(?i)android|\bsilk/", "Tablet"),  # without "Mobile"
    (r"(?i)windows|macintosh|mac os x|x11|linux|\bcros\b|bsd\b", "Desktop"),
)


class Devices:
    def __init__(self) -> None:
        self._find = Resolver(([UserAgentMatcher(pattern, device) for pattern, device in KINDS], [], []))

    def kind(self, user_agent: str) -> Device:
        found = self._find(user_agent, Domain.USER_AGENT).user_agent
        return cast("Device", found.family) if found else "Other"
