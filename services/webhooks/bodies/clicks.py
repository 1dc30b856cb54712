"""Clicks, one at a time or several together."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from services.webhooks.bodies.form import LINK, QR_CODE, encode, moment
from shared.contracts.analytics import Click
from shared.contracts.links import Link
from shared.short_urls import short_url

CLICK = "click_"


class ClickedLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of one that has been deleted since, no more than its id is known."""

    id: str
    short_url: str | None = None
    short_code: str | None = None
    destination_url: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()
    external_id: str | None = None


class ClickData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    clicked_at: str
    link: ClickedLink
    country: str | None
    region: str | None
    device: str
    os: str
    browser: str
    referrer: str
    language: str
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None


class ScanData(ClickData, frozen=True, kw_only=True, rename="camel"):
    qr_code_id: str


def of_click(click: Click, link: Link | None, public_url: str) -> bytes:
    return encode(_click(click, link, public_url))


def of_scan(click: Click, link: Link | None, public_url: str) -> bytes:
    data = msgspec.structs.asdict(_click(click, link, public_url))
    return encode(ScanData(qr_code_id=QR_CODE + click.code, **data))


def of_clicks(clicks: Sequence[bytes]) -> bytes:
    """Several of them; see `store_intake.append_clicks`, which adds more to a message that ends like this."""
    return b'{"clicks":[' + b",".join(clicks) + b"]}"


def _click(click: Click, link: Link | None, public_url: str) -> ClickData:
    return ClickData(
        id=CLICK + click.id,
        clicked_at=moment(datetime.fromtimestamp(click.at / 1000, UTC)),
        link=_clicked_link(click.link, link, public_url),
        country=click.country or None,
        region=click.region or None,
        device=click.device,
        os=click.os,
        browser=click.browser,
        referrer=click.referrer,
        language=click.language,
        utm_source=click.utm_source or None,
        utm_medium=click.utm_medium or None,
        utm_campaign=click.utm_campaign or None,
        utm_term=click.utm_term or None,
        utm_content=click.utm_content or None,
    )


def _clicked_link(link_id: str, link: Link | None, public_url: str) -> ClickedLink:
    if link is None:
        return ClickedLink(id=LINK + link_id)
    return ClickedLink(
        id=LINK + link.id,
        short_url=short_url(public_url, link.domain, link.slug),
        short_code=link.slug,
        destination_url=link.destination_url,
        title=link.title,
        tags=link.tags,
        external_id=link.external_id,
    )
