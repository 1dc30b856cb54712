"""Clicks on links and views of profiles: how they travel, and what can be asked about them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from shared.contracts.ask import Ask, Passing
from shared.contracts.modes import Mode

CLICKS_STREAM = "CLICKS"
CLICKS_SUBJECT = "clicks.batch"
CLICKS_TOLD = 100  # at once
LIVE_STREAM = "LIVE"
LIVE_SUBJECTS = "live.>"


class Kind(StrEnum):
    CLICK = "click"
    VIEW = "view"


class Visit(msgspec.Struct, frozen=True, array_like=True, gc=False):
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
    code: str = ""  # the id of the QR code that was scanned, or ""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One message of the click stream. The id stays the same however often it is sent."""

    id: str
    visits: tuple[Visit, ...]


class Happening(msgspec.Struct, frozen=True, array_like=True):
    """A visit as it is shown to those who watch: what reports say about it, and nothing that tells visitors apart.

    A message of the live stream is a tuple of them. New fields go to the end with a default.
    """

    kind: Kind
    at: int  # Unix milliseconds
    link: str  # "" for a view
    country: str  # as in `Visit`
    region: str
    device: str  # as in reports, like all that follow
    os: str
    browser: str
    referrer: str
    utm_source: str  # "" when the visit names none, as the next two
    utm_medium: str
    utm_campaign: str
    bot: bool


def live_subject(workspace: str, mode: Mode) -> str:
    """Where those who watch one workspace in one mode find what happens there."""
    return f"live.{workspace}.{mode}"


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


class Interval(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # Monday to Sunday


class Point(msgspec.Struct, frozen=True, array_like=True):
    at: datetime  # when the hour, day or week begins, in UTC
    clicks: int = 0
    uniques: int = 0  # visitors whose first click of the day was in it, so that points add up to the total


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Of all clicks, those with one value; the values that come after the most frequent ones are together "Other"."""

    name: str
    clicks: int
    percentage: float  # to two places, as all of them


class Place(msgspec.Struct, frozen=True, kw_only=True):
    country: str  # ISO 3166-1, "Unknown" or "Other"
    region: str  # ISO 3166-2, "Unknown" or "Other"
    clicks: int
    percentage: float


class Breakdowns(msgspec.Struct, frozen=True, kw_only=True):
    """Each by clicks, at most 50 values and then perhaps "Other". Absent values are "Direct" or "Unknown"."""

    places: tuple[Place, ...]
    devices: tuple[Share, ...]
    systems: tuple[Share, ...]
    browsers: tuple[Share, ...]
    referrers: tuple[Share, ...]
    languages: tuple[Share, ...]
    utm_sources: tuple[Share, ...]
    utm_mediums: tuple[Share, ...]
    utm_campaigns: tuple[Share, ...]
    utm_terms: tuple[Share, ...]
    utm_contents: tuple[Share, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The clicks of people; bots are in the two figures that name them and nowhere else."""

    first: date
    last: date
    clicks: int
    uniques: int  # distinct visitors of each day, summed over the days
    bots: int
    bot_percentage: float  # of all, people and bots
    response_ms: float  # the mean time in which the gateway answered people, to two places
    bounce_rate: float  # of the visits that began here, the percentage with one click in the workspace that day
    series: tuple[Point, ...]  # every bucket, oldest first, zeros included
    breakdowns: Breakdowns


class GetReport(Ask[Report], frozen=True, kw_only=True):
    """The clicks on one link, or on all of them, over whole days in UTC: from that of ``start`` to that of ``end``.

    A link that is not there or not theirs has no clicks. IMPOSSIBLE, naming ``start`` or ``end``, when the range is
    empty or too long. A series of weeks may begin before the range and end after it, but counts only days within.
    """

    workspace: str
    mode: Mode
    link: str | None = None
    start: Annotated[datetime, msgspec.Meta(tz=True)]
    end: Annotated[datetime, msgspec.Meta(tz=True)]
    interval: Interval = Interval.DAY


class Click(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A click of a person, as reports count it. New fields go to the end with a default."""

    id: str
    at: int  # Unix milliseconds
    link: str
    country: str  # as in `Visit`
    region: str
    device: str  # as in reports, like all that follow
    os: str
    browser: str
    referrer: str
    language: str
    utm_source: str  # "" when the visit names none, as all of these
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str
    code: str = ""  # as in `Visit`


class Clicked(Passing, frozen=True, kw_only=True):
    """Told of workspaces where clicks are wanted: each click that is counted is in exactly one of these."""

    workspace: str
    mode: Mode
    clicks: tuple[Click, ...]  # up to `CLICKS_TOLD`
