"""Clicks and views as they happen, as server-sent events."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import msgspec

from gateway.dialects.v1.links import PREFIX
from gateway.endpoint import Call, Endpoint
from gateway.live import Feed, Gap, position, sse
from gateway.streaming import Stream
from gateway.wire import encode, moment
from shared.contracts.analytics import Happening


class HappeningBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str | None  # of the link; null for a view of the profile
    at: str
    country: str | None
    region: str | None
    device: str
    os: str
    browser: str
    referrer: str
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    bot: bool


class GapBody(msgspec.Struct, frozen=True, kw_only=True):
    message: str = "Some clicks and views before this point may be missing here; GET /v1/analytics counts them all"


async def watch_analytics(call: Call) -> Stream:
    """Clicks on your links and views of your page as they happen: server-sent events `click` and `view`.

    `Last-Event-ID` goes on after that event. What is too long ago is not kept: then an event `gap` comes first.
    """
    feed = Feed(call.bus, call.settings, call.workspace, call.mode, position.read(call.header(b"last-event-id")))
    return Stream(sse.MEDIA_TYPE, _pieces(feed, call.settings.live_retry_seconds, call.settings.live_heartbeat_seconds))


async def _pieces(feed: Feed, retry_seconds: float, heartbeat_seconds: float) -> AsyncGenerator[bytes, None]:
    try:
        await feed.open()
        yield sse.beginning(retry_seconds, feed.position)
        while True:
            news = await feed.next(heartbeat_seconds)
            if news is None:
                yield sse.alive(feed.position)
            elif isinstance(news, Gap):
                yield sse.event("gap", encode(GapBody()), feed.position)
            else:
                yield b"".join(sse.event(each.happening.kind, _data(each.happening), each.after) for each in news)
    finally:
        await feed.close()


def _data(happening: Happening) -> bytes:
    return encode(
        HappeningBody(
            id=PREFIX + happening.link if happening.link else None,
            at=moment(datetime.fromtimestamp(happening.at / 1000, UTC)),
            country=happening.country or None,
            region=happening.region or None,
            device=happening.device,
            os=happening.os,
            browser=happening.browser,
            referrer=happening.referrer,
            utm_source=happening.utm_source or None,
            utm_medium=happening.utm_medium or None,
            utm_campaign=happening.utm_campaign or None,
            bot=happening.bot,
        )
    )


ENDPOINTS = (Endpoint("GET", "/analytics/live", watch_analytics, scope="analytics:read", media=(sse.MEDIA_TYPE,)),)
