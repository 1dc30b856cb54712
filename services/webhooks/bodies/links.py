"""Links, as they were when something happened to them."""

from datetime import datetime

import msgspec

from services.webhooks.bodies.form import LINK, encode, moment, perhaps
from shared.contracts.link_fields import Metadata
from shared.contracts.links import Link, Status
from shared.contracts.modes import Mode
from shared.short_urls import own_domain, short_url


class LinkData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    short_url: str
    short_code: str
    domain: str
    destination_url: str
    title: str | None
    description: str | None
    thumbnail: str | None
    status: Status
    active: bool
    clicks: int
    position: int
    tags: tuple[str, ...]
    metadata: Metadata
    expires_at: str | None
    expired_url: str | None
    has_password: bool
    max_clicks: int | None
    show_on_profile: bool
    forward_query: bool
    external_id: str | None
    archived: bool
    mode: Mode
    created_at: str
    updated_at: str


def of_link(link: Link, at: datetime, public_url: str) -> bytes:
    """With the status that it had ``at`` that time."""
    return encode(
        LinkData(
            id=LINK + link.id,
            short_url=short_url(public_url, link.domain, link.slug),
            short_code=link.slug,
            domain=link.domain or own_domain(public_url),
            destination_url=link.destination_url,
            title=link.title,
            description=link.description,
            thumbnail=link.thumbnail,
            status=link.status(at),
            active=link.active,
            clicks=link.clicks,
            position=link.position,
            tags=link.tags,
            metadata=link.metadata,
            expires_at=perhaps(link.expires_at),
            expired_url=link.expired_url,
            has_password=link.has_password,
            max_clicks=link.max_clicks,
            show_on_profile=link.show_on_profile,
            forward_query=link.forward_query,
            external_id=link.external_id,
            archived=link.archived,
            mode=link.mode,
            created_at=moment(link.created_at),
            updated_at=moment(link.updated_at),
        )
    )
