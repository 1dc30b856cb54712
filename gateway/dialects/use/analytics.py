"""Who follows the caller's links: one of them, or all of them together."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.names import bare
from gateway.dialects.use import periods
from gateway.dialects.use.ids import LINK, LinkId
from gateway.dialects.use.periods import Moment
from gateway.endpoint import Call, Endpoint
from gateway.wire import moment
from shared.contracts import analytics, links
from shared.contracts.analytics import Interval
from shared.contracts.modes import Mode

Count = Annotated[int, Meta(ge=0, examples=[128])]
Percentage = Annotated[float, Meta(ge=0, le=100, description="Per cent, to two places.", examples=[12.5])]
Day = Annotated[
    str, Meta(description="A whole day in UTC.", examples=["2026-01-31"], extra_json_schema={"format": "date"})
]


class AnalyticsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    start_date: Annotated[Moment | None, Meta(description="Without it: 29 days before `endDate`.")] = None
    end_date: Annotated[Moment | None, Meta(description="Without it: now.")] = None
    interval: Annotated[Interval, Meta(description="Length of a bucket. Weeks are Monday to Sunday.")] = Interval.DAY


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The clicks with one value. What comes after the 50 most frequent values is together `Other`."""

    name: Annotated[
        str,
        Meta(description="`Unknown`, or `Direct` without a referrer, where nothing was told.", examples=["Firefox"]),
    ]
    clicks: Count
    percentage: Percentage


class Geography(msgspec.Struct, frozen=True, kw_only=True):
    """The clicks from one place. What comes after the 50 most frequent places is together `Other`."""

    country: Annotated[str, Meta(description="ISO 3166-1 code, `Unknown` or `Other`.", examples=["AT"])]
    region: Annotated[str, Meta(description="ISO 3166-2 code, `Unknown` or `Other`.", examples=["AT-9"])]
    clicks: Count
    percentage: Percentage


class BotDetection(msgspec.Struct, frozen=True, kw_only=True):
    count: Annotated[Count, Meta(description="Clicks of bots. No other figure has them in it.")]
    percentage: Annotated[Percentage, Meta(description="Per cent of all clicks, those of people and of bots.")]


class Bucket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    timestamp: Annotated[
        str, Meta(description="When the hour, day or week begins, in UTC.", examples=["2026-01-31T00:00:00.000Z"])
    ]
    clicks: Count
    unique_visitors: Annotated[Count, Meta(description="Visitors whose first click of a day was in this bucket.")]


class AnalyticsBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    link_id: Annotated[LinkId | None, Meta(description="`null`: all links together.")]
    mode: Annotated[Mode, Meta(description="Test keys are told of test clicks, live keys of live clicks.")]
    start_date: Annotated[Day, Meta(description="The first day that is counted, in UTC.")]
    end_date: Annotated[Day, Meta(description="The last day that is counted, in UTC.")]
    interval: Interval
    total_clicks: Annotated[Count, Meta(description="Clicks of people.")]
    unique_visitors: Annotated[Count, Meta(description="Distinct visitors of each day, summed over the days.")]
    bot_detection: BotDetection
    response_time: Annotated[
        float, Meta(ge=0, description="Mean time of a redirect, in milliseconds.", examples=[0.21])
    ]
    bounce_rate: Annotated[Percentage, Meta(description="Per cent of the day's visits begun here that made one click.")]
    geography: tuple[Geography, ...]
    devices: tuple[Share, ...]
    browsers: tuple[Share, ...]
    os: tuple[Share, ...]
    referrers: tuple[Share, ...]
    languages: tuple[Share, ...]
    time_series: Annotated[tuple[Bucket, ...], Meta(description="Every bucket, oldest first, zeros included.")]
    utm_sources: tuple[Share, ...]
    utm_mediums: tuple[Share, ...]
    utm_campaigns: tuple[Share, ...]
    utm_terms: tuple[Share, ...]
    utm_contents: tuple[Share, ...]


async def get_analytics(call: Call, query: AnalyticsQuery) -> AnalyticsBody:
    """The clicks on all your links over a range of days: how many, when, from where and with what."""
    return await _report(call, query, None)


async def get_link_analytics(call: Call, query: AnalyticsQuery) -> AnalyticsBody:
    """The clicks on one link over a range of days: how many, when, from where and with what."""
    # Analytics knows clicks only; whether there is such a link, and whose it is, is known to links.
    link = await call.ask(links.GetLink(workspace=call.workspace, mode=call.mode, id=bare(LINK, call.path["id"])))
    return await _report(call, query, link.id)


async def _report(call: Call, query: AnalyticsQuery, link: str | None) -> AnalyticsBody:
    start, end = periods.read(query.start_date, query.end_date, call.now)
    found = await call.ask(
        analytics.GetReport(
            workspace=call.workspace, mode=call.mode, link=link, start=start, end=end, interval=query.interval
        )
    )
    parts = found.breakdowns
    return AnalyticsBody(
        link_id=None if link is None else LINK + link,
        mode=call.mode,
        start_date=found.first.isoformat(),
        end_date=found.last.isoformat(),
        interval=query.interval,
        total_clicks=found.clicks,
        unique_visitors=found.uniques,
        bot_detection=BotDetection(count=found.bots, percentage=found.bot_percentage),
        response_time=found.response_ms,
        bounce_rate=found.bounce_rate,
        geography=tuple(map(_geography, parts.places)),
        devices=_shares(parts.devices),
        browsers=_shares(parts.browsers),
        os=_shares(parts.systems),
        referrers=_shares(parts.referrers),
        languages=_shares(parts.languages),
        time_series=tuple(map(_bucket, found.series)),
        utm_sources=_shares(parts.utm_sources),
        utm_mediums=_shares(parts.utm_mediums),
        utm_campaigns=_shares(parts.utm_campaigns),
        utm_terms=_shares(parts.utm_terms),
        utm_contents=_shares(parts.utm_contents),
    )


def _shares(found: tuple[analytics.Share, ...]) -> tuple[Share, ...]:
    return tuple(Share(name=each.name, clicks=each.clicks, percentage=each.percentage) for each in found)


def _geography(place: analytics.Place) -> Geography:
    return Geography(country=place.country, region=place.region, clicks=place.clicks, percentage=place.percentage)


def _bucket(point: analytics.Point) -> Bucket:
    return Bucket(timestamp=moment(point.at), clicks=point.clicks, unique_visitors=point.uniques)


ENDPOINTS = (
    Endpoint("GET", "/analytics", get_analytics, scope="analytics:read"),
    Endpoint("GET", "/analytics/links/{id}", get_link_analytics, scope="analytics:read", parts={"id": LinkId}),
)
