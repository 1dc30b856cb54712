"""How often the caller's page is seen and their links are followed."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.endpoint import Call, Endpoint
from shared.contracts import analytics

Views = Annotated[int, Meta(ge=0, description="How often people saw the page.", examples=[240])]
Clicks = Annotated[int, Meta(ge=0, description="How often people followed a link.", examples=[84])]

DAYS = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}


class AnalyticsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    period: Annotated[Literal["7d", "30d", "90d", "1y"], Meta(description="Days up to today.")] = "30d"
    metric: Annotated[Literal["views", "clicks", "all"], Meta(description="What is counted.")] = "all"


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    views: Views | UnsetType = UNSET
    clicks: Clicks | UnsetType = UNSET
    click_rate: Annotated[float, Meta(description="Clicks per view, to two places.", examples=[0.35])] | UnsetType = (
        UNSET
    )


class DayBody(msgspec.Struct, frozen=True, kw_only=True):
    date: Annotated[str, Meta(description="A day in UTC.", examples=["2026-01-31"])]
    views: Views | UnsetType = UNSET
    clicks: Clicks | UnsetType = UNSET


class AnalyticsBody(msgspec.Struct, frozen=True, kw_only=True):
    period: Annotated[str, Meta(examples=["30d"])]
    summary: Summary
    daily: Annotated[list[DayBody], Meta(description="Every day, oldest first, zeros included.")]


async def get_analytics(call: Call, query: AnalyticsQuery) -> AnalyticsBody:
    """Views of your page and clicks on your links, in all and day by day; today (UTC) comes last."""
    today = call.now.date()
    first = today - timedelta(days=DAYS[query.period] - 1)
    found = await call.ask(analytics.GetOverview(workspace=call.workspace, mode=call.mode, first=first, last=today))
    views, clicks = query.metric in ("views", "all"), query.metric in ("clicks", "all")
    return AnalyticsBody(
        period=query.period,
        summary=Summary(
            views=found.views if views else UNSET,
            clicks=found.clicks if clicks else UNSET,
            click_rate=click_rate(found.clicks, found.views) if views and clicks else UNSET,
        ),
        daily=[
            DayBody(
                date=day.date.isoformat(),
                views=day.views if views else UNSET,
                clicks=day.clicks if clicks else UNSET,
            )
            for day in found.daily
        ],
    )


def click_rate(clicks: int, views: int) -> float:
    """Clicks per view, to two places; 0 without a view."""
    return round(clicks / views, 2) if views else 0.0


ENDPOINTS = (Endpoint("GET", "/analytics", get_analytics, scope="analytics:read"),)
