"""How values are written in what endpoints are told."""

from datetime import datetime

import msgspec

LINK = "lnk_"
QR_CODE = "qr_"
DOMAIN = "dom_"
WEBHOOK = "wh_"

encode = msgspec.json.Encoder().encode


def moment(at: datetime) -> str:
    """A UTC time as it is told everywhere: ``2026-01-31T09:05:00.123Z``."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def perhaps(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
