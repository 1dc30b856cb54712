"""Links as this API reads and writes them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.use.ids import LINK, LinkId
from gateway.endpoint import Call
from gateway.wire import moment
from shared.contracts import links
from shared.contracts.modes import Mode
from shared.settings import Settings
from shared.short_urls import own_domain, short_url

Destination = Annotated[
    str,
    Meta(
        description="Where the link leads: an `http` or `https` address of up to 2,048 characters.",
        examples=["https://example.com/landing-page"],
    ),
]
Domain = Annotated[
    str,
    Meta(
        min_length=1,
        description="The host it is on: one of your verified domains, or, if omitted, that of this service. It stays "
        "there.",
    ),
]
Slug = Annotated[
    str,
    Meta(
        description="The short code: 3 to 50 letters, digits, hyphens and underscores; upper and lower case differ.",
        examples=["summer-sale"],
    ),
]
Title = Annotated[str, Meta(description="A label of up to 255 characters.", examples=["Summer Campaign"])]
Description = Annotated[str, Meta(description="Up to 500 characters.")]
Thumbnail = Annotated[str, Meta(description="Address of a picture.")]
Active = Annotated[bool, Meta(description="An inactive link leads nowhere.")]
Position = Annotated[int, Meta(ge=0, le=1_000_000, description="Place on the public profile, smallest first.")]
Tags = Annotated[
    tuple[str, ...],
    Meta(description="Up to 50 different tags of up to 50 characters.", examples=[["marketing", "summer"]]),
]
Metadata = Annotated[
    dict[str, Any],
    Meta(description="Whatever you like to keep with it: up to 50 keys and 8 KiB."),
]
ExpiresAt = Annotated[
    datetime,
    Meta(tz=True, description="From then on it no longer leads anywhere."),
]
ExpiredUrl = Annotated[str, Meta(description="Where visitors are sent once the link has expired.")]
Password = Annotated[str, Meta(description="Visitors are asked for it. It is never told again.")]
MaxClicks = Annotated[int, Meta(ge=1, le=2**53 - 1, description="After so many redirects the link has expired.")]
ShowOnProfile = Annotated[bool, Meta(description="Is it on the public profile?")]
ForwardQuery = Annotated[bool, Meta(description="Pass the visitor's query string on.")]
ExternalId = Annotated[str, Meta(description="Your own id for the link, up to 255 characters, for one link only.")]
Archived = Annotated[bool, Meta(description="Put away: not listed unless asked for; still leads on.")]


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    destination_url: Destination
    domain: Domain | None = None
    slug: Annotated[Slug | None, Meta(description="Generated if omitted.")] = msgspec.field(
        default=None, name="customSlug"
    )
    title: Title | None = None
    description: Description | None = None
    thumbnail: Thumbnail | None = None
    active: Active = True
    position: Annotated[Position | None, Meta(description="Last if omitted.")] = None
    tags: Tags = ()
    metadata: Metadata = {}
    expires_at: ExpiresAt | None = None
    expired_url: ExpiredUrl | None = None
    password: Password | None = None
    max_clicks: MaxClicks | None = None
    show_on_profile: ShowOnProfile = True
    forward_query: ForwardQuery = False
    external_id: ExternalId | None = None
    archived: Archived = False


class LinkValues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed; `null` clears an optional value."""

    destination_url: Destination | UnsetType = UNSET
    slug: Slug | UnsetType = msgspec.field(default=UNSET, name="customSlug")
    title: Title | None | UnsetType = UNSET
    description: Description | None | UnsetType = UNSET
    thumbnail: Thumbnail | None | UnsetType = UNSET
    active: Active | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: ExpiresAt | None | UnsetType = UNSET
    expired_url: ExpiredUrl | None | UnsetType = UNSET
    password: Password | None | UnsetType = UNSET
    max_clicks: MaxClicks | None | UnsetType = UNSET
    show_on_profile: ShowOnProfile | UnsetType = UNSET
    forward_query: ForwardQuery | UnsetType = UNSET
    archived: Archived | UnsetType = UNSET


class LinkPut(LinkValues, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    domain: Domain | UnsetType = UNSET


class LinkChanges(LinkValues, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    external_id: ExternalId | None | UnsetType = UNSET


class LinkEdit(LinkChanges, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    id: LinkId


class LinkBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: LinkId
    short_url: Annotated[str, Meta(description="The address to hand out.", examples=["https://go.example/summer-sale"])]
    short_code: Slug
    domain: Annotated[str, Meta(description="The host of its address.", examples=["go.example"])]
    destination_url: Destination
    title: Title | None
    description: Description | None
    thumbnail: Thumbnail | None
    status: Annotated[links.Status, Meta(description="Expired comes before inactive.", examples=["active"])]
    active: Annotated[Active, Meta(examples=[True])]
    clicks: Annotated[int, Meta(ge=0, description="Clicks of people since the link exists.", examples=[0])]
    position: Position
    tags: Tags
    metadata: Metadata
    expires_at: str | None
    expired_url: ExpiredUrl | None
    has_password: Annotated[bool, Meta(description="Are visitors asked for a password?")]
    max_clicks: MaxClicks | None
    show_on_profile: Annotated[ShowOnProfile, Meta(examples=[True])]
    forward_query: ForwardQuery
    external_id: ExternalId | None
    archived: Archived
    mode: Annotated[Mode, Meta(description="Of the key that made it.", examples=["live"])]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    updated_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]


def given(call: Call, body: NewLink | LinkPut) -> dict[str, Any]:
    """The values by the contract's names."""
    values = msgspec.structs.asdict(body)
    if isinstance(body.domain, UnsetType):
        return values
    return values | {"domain": domain_in(call.settings, body.domain or "")}


def domain_in(settings: Settings, domain: str) -> str:
    """A domain in the contract's words, where our own public host has no name."""
    return "" if domain.lower() == own_domain(settings.public_url) else domain


def body_of(call: Call, link: links.Link) -> LinkBody:
    return LinkBody(
        id=LINK + link.id,
        short_url=short_url(call.settings.public_url, link.domain, link.slug),
        short_code=link.slug,
        domain=link.domain or own_domain(call.settings.public_url),
        destination_url=link.destination_url,
        title=link.title,
        description=link.description,
        thumbnail=link.thumbnail,
        status=link.status(call.now),
        active=link.active,
        clicks=link.clicks,
        position=link.position,
        tags=link.tags,
        metadata=link.metadata,
        expires_at=None if link.expires_at is None else moment(link.expires_at),
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
