"""What endpoints are told: each thing in the shape in which the API for links shows it.

The same fact always makes the same bytes, so that they are the same for whoever is told of it twice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw

from shared import ids
from shared.contracts.analytics import Click
from shared.contracts.keys import Key, Window
from shared.contracts.link_fields import Metadata
from shared.contracts.links import Link, Status
from shared.contracts.modes import Mode
from shared.contracts.profile import Profile
from shared.contracts.webhooks import Endpoint, Reason, Topic

CLICK = "click_"
EVENT = "evt_"
LINK = "lnk_"
WEBHOOK = "wh_"

encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    type: Topic
    created_at: str
    mode: Mode
    data: Raw


class LinkData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    short_url: str
    short_code: str
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


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    limit: int | None  # None: what the workspace's tier allows
    window: Window


class KeyData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    description: str
    mode: Mode
    prefix: str
    last_four: str
    scopes: tuple[str, ...]
    limits: KeyLimits
    allowlist: tuple[str, ...]
    created_at: str
    expires_at: str | None
    rotated_at: str | None
    former_secret_ends_at: str | None
    revoked_at: str | None
    workspace: str


class ProfileData(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    username: str
    name: str
    bio: str | None
    avatar: str | None
    banner: str | None
    theme: str
    location: str | None
    website: str | None
    pronouns: str | None
    stats: dict[str, int]


class FilterData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    link_ids: tuple[str, ...]
    tags: tuple[str, ...]
    domains: tuple[str, ...]


class EndpointData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    url: str
    events: tuple[str, ...]
    description: str
    headers: tuple[str, ...]
    filter: FilterData
    batch: bool
    enabled: bool
    disabled_reason: Reason | None
    disabled_at: str | None
    secret_hint: str
    rotated_at: str | None
    former_secret_ends_at: str | None
    last_success_at: str | None
    last_failure_at: str | None
    failures: int
    waiting: int
    dropped: int
    mode: Mode
    created_at: str
    updated_at: str


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


class TestData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    webhook_id: str
    message: str


def message(event: str, topic: Topic, mode: Mode, data: bytes, at: datetime | None = None) -> bytes:
    """``data`` is JSON. ``at``: when it happened, if that is not in the id of the event."""
    created_at = _moment(at or ids.time_of(event))
    return encode(Message(id=EVENT + event, type=topic, created_at=created_at, mode=mode, data=Raw(data)))


def of_link(link: Link, at: datetime, public_url: str) -> bytes:
    """With the status that it had ``at`` that time."""
    return encode(
        LinkData(
            id=LINK + link.id,
            short_url=f"{public_url}/{link.slug}",
            short_code=link.slug,
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
            expires_at=_perhaps(link.expires_at),
            expired_url=link.expired_url,
            has_password=link.has_password,
            max_clicks=link.max_clicks,
            show_on_profile=link.show_on_profile,
            forward_query=link.forward_query,
            external_id=link.external_id,
            archived=link.archived,
            mode=link.mode,
            created_at=_moment(link.created_at),
            updated_at=_moment(link.updated_at),
        )
    )


def of_click(click: Click, link: Link | None, public_url: str) -> bytes:
    return encode(
        ClickData(
            id=CLICK + click.id,
            clicked_at=_moment(datetime.fromtimestamp(click.at / 1000, UTC)),
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
    )


def of_clicks(clicks: Sequence[bytes]) -> bytes:
    """Several of them; see `store_intake.append_clicks`, which adds more to a message that ends like this."""
    return b'{"clicks":[' + b",".join(clicks) + b"]}"


def of_key(key: Key) -> bytes:
    return encode(
        KeyData(
            id=f"key_{key.id}",
            name=key.name,
            description=key.description,
            mode=key.mode,
            prefix=key.prefix,
            last_four=key.last_four,
            scopes=key.scopes,
            limits=KeyLimits(limit=key.limit, window=key.window),
            allowlist=key.allowlist,
            created_at=_moment(key.created_at),
            expires_at=_perhaps(key.expires_at),
            rotated_at=_perhaps(key.rotated_at),
            former_secret_ends_at=_perhaps(key.former_ends_at),
            revoked_at=_perhaps(key.revoked_at),
            workspace=f"ws_{key.workspace}",
        )
    )


def of_profile(profile: Profile) -> bytes:
    return encode(
        ProfileData(
            id=f"usr_{profile.user}",
            username=profile.username,
            name=profile.name,
            bio=profile.bio,
            avatar=profile.avatar,
            banner=profile.banner,
            theme=profile.theme,
            location=profile.location,
            website=profile.website,
            pronouns=profile.pronouns,
            stats=msgspec.structs.asdict(profile.stats),
        )
    )


def of_endpoint(endpoint: Endpoint, public_url: str) -> bytes:
    own_domain = urlsplit(public_url).netloc.lower()
    return encode(
        EndpointData(
            id=WEBHOOK + endpoint.id,
            url=endpoint.url,
            events=endpoint.topics,
            description=endpoint.description,
            headers=endpoint.header_names,
            filter=FilterData(
                link_ids=tuple(LINK + link for link in endpoint.filter.links),
                tags=endpoint.filter.tags,
                domains=tuple(domain or own_domain for domain in endpoint.filter.domains),
            ),
            batch=endpoint.batch,
            enabled=endpoint.enabled,
            disabled_reason=endpoint.reason,
            disabled_at=_perhaps(endpoint.disabled_at),
            secret_hint=endpoint.secret_hint,
            rotated_at=_perhaps(endpoint.rotated_at),
            former_secret_ends_at=_perhaps(endpoint.former_ends_at),
            last_success_at=_perhaps(endpoint.last_success_at),
            last_failure_at=_perhaps(endpoint.last_failure_at),
            failures=endpoint.failures,
            waiting=endpoint.waiting,
            dropped=endpoint.dropped,
            mode=endpoint.mode,
            created_at=_moment(endpoint.created_at),
            updated_at=_moment(endpoint.updated_at),
        )
    )


def of_test(endpoint: Endpoint) -> bytes:
    words = "This is a test: your webhook can be reached, and whoever checks its signature knows that it is from us."
    return encode(TestData(webhook_id=WEBHOOK + endpoint.id, message=words))


def _clicked_link(link_id: str, link: Link | None, public_url: str) -> ClickedLink:
    if link is None:
        return ClickedLink(id=LINK + link_id)
    return ClickedLink(
        id=LINK + link.id,
        short_url=f"{public_url}/{link.slug}",
        short_code=link.slug,
        destination_url=link.destination_url,
        title=link.title,
        tags=link.tags,
        external_id=link.external_id,
    )


def _moment(at: datetime) -> str:
    """A UTC time as it is told everywhere: ``2026-01-31T09:05:00.123Z``."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _perhaps(at: datetime | None) -> str | None:
    return None if at is None else _moment(at)
