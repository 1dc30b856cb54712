"""Clicks on links and views of profiles: how they travel, and what can be asked about them."""

from datetime import date
from enum import StrEnum

import msgspec

from shared.contracts.ask import Ask
from shared.contracts.modes import Mode

CLICKS_STREAM = "CLICKS"
CLICKS_SUBJECT = "clicks.batch"


class Kind(StrEnum):
    CLICK = "click"
    VIEW = "view"


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """One answered redirect or one shown profile. A frame of the journal; no address is in it.

    New fields go to the end with a default, so that frames of an older gateway can still be read.
    """

    kind: Kind
    at: int  # Unix milliseconds
    workspace: str
    mode: Mode
    link: str  # "" for a view
    visitor: bytes  # HMAC with the day's salt, 16 bytes
    bot: bool  # surely no human: HEAD or a prefetch
    took_us: int  # microseconds the gateway needed to answer
    user_agent: str
    referrer: str
    language: str
    query: str  # the query string of the visit
    country: str = ""  # ISO 3166-1, two letters, or "" when unknown
    region: str = ""  # ISO 3166-2, e.g. "AT-9", or ""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One message of the click stream. The id stays the same however often it is sent."""

    id: str
    visits: tuple[Visit, ...]


class Day(msgspec.Struct, frozen=True, kw_only=True):
    date: date
    views: int = 0
    clicks: int = 0


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    views: int
    clicks: int
    daily: tuple[Day, ...]  # every day of the range, oldest first, zeros included


class GetOverview(Ask[Overview], frozen=True, kw_only=True):
    """Human clicks and views of a workspace, day by day in UTC, both ends included."""

    workspace: str
    mode: Mode
    first: date
    last: date
