"""Which kind of device a user agent string stands for."""

import re

from services.analytics.enrichment.facts import Device

# Tried in this order, because the strings borrow from each other: an Xbox says Windows, a Windows phone says Android,
# a television says Android or Linux, and Internet Explorer says "Tablet PC" on every desktop.
_KINDS: tuple[tuple[Device, re.Pattern[str]], ...] = (
    (
        "Other",
        re.compile(
            r"smart-?tv|\btv\b|hbbtv|googletv|appletv|web0s|netcast|crkey|bravia|roku|vidaa|\baft[a-z0-9]+\b"
            r"|xbox|playstation|nintendo|oculus|quest|\bwatch",
            re.IGNORECASE | re.ASCII,
        ),
    ),
    ("Tablet", re.compile(r"ipad|tablet(?! pc)|playbook|kindle|\bsilk/(?!.*mobile)", re.IGNORECASE | re.ASCII)),
    ("Mobile", re.compile(r"mobi|iphone|ipod|phone|blackberry|\bbb10|opera mini|symbian|nokia|midp|kaios", re.IGNORECASE)),
    ("Tablet", re.compile(r"android", re.IGNORECASE)),  # without "Mobile"
    ("Desktop", re.compile(r"windows|macintosh|mac os x|x11|linux|cros|bsd", re.IGNORECASE)),
)


def read_device(user_agent: str) -> Device:
    for device, signs in _KINDS:
        if signs.search(user_agent):
            return device
    return "Other"
