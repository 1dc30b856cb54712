"""Short links: one entity behind all dialects."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Event
from shared.contracts.modes import Mode

Metadata = dict[str, Any]  # a JSON object of the caller's, at most 50 keys and 8 KiB; never looked into


class Status(StrEnum):
    """Derived, in this order: an expired link is expired, whether active or not."""

    EXPIRED = "expired"
    INACTIVE = "inactive"
    ACTIVE = "active"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    workspace: str
    mode: Mode
    domain: str  # "" is the gateway's own public host
    slug: str
    destination_url: str
    title: str | None = None
    description: str | None = None
    thumbnail: str | None = None
    active: bool = True
    position: int = 0  # order on the profile, smallest first
    tags: tuple[str, ...] = ()
    metadata: Metadata = {}
    expires_at: datetime | None = None
    expired_url: str | None = None
    has_password: bool = False
    max_clicks: int | None = None
    show_on_profile: bool = True
    forward_query: bool = False
    clicks: int = 0
    created_at: datetime
    updated_at: datetime

    def status(self, now: datetime) -> Status:
        """What a visitor would find at ``now``."""
        over = self.max_clicks is not None and self.clicks >= self.max_clicks
        if over or (self.expires_at is not None and self.expires_at <= now):
            return Status.EXPIRED
        return Status.ACTIVE if self.active else Status.INACTIVE


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """All that the redirect needs of a link, so that the gateway decides without asking again."""

    link: str
    workspace: str
    mode: Mode
    domain: str
    slug: str
    destination_url: str
    title: str | None = None
    active: bool = True
    expires_at: datetime | None = None
    expired_url: str | None = None
    has_password: bool = False
    max_clicks: int | None = None
    clicks: int = 0
    forward_query: bool = False

    def is_over(self, now: float) -> bool:
        """Has its time or its number of clicks been reached at ``now`` (Unix seconds)?"""
        if self.max_clicks is not None and self.clicks >= self.max_clicks:
            return True
        return self.expires_at is not None and self.expires_at.timestamp() <= now


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    target: Target | None = None


class LinkPage(msgspec.Struct, frozen=True, kw_only=True):
    links: tuple[Link, ...]
    total: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    link: str
    clicks: int  # since the link exists


class CreateLink(Ask[Link], frozen=True, kw_only=True):
    """CONFLICT when the slug is taken, IMPOSSIBLE when it is reserved or the destination is one of our own hosts."""

    workspace: str
    mode: Mode
    destination_url: str
    domain: str = ""
    slug: str | None = None  # None: seven characters from a secure source
    title: str | None = None
    description: str | None = None
    thumbnail: str | None = None
    active: bool = True
    position: int | None = None  # None: after the last one
    tags: tuple[str, ...] = ()
    metadata: Metadata = {}
    expires_at: datetime | None = None
    expired_url: str | None = None
    password: str | None = None
    max_clicks: int | None = None
    show_on_profile: bool = True
    forward_query: bool = False


class GetLink(Ask[Link], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class ListLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """By position, then by age. ``total`` counts all that match, whatever the page."""

    workspace: str
    mode: Mode
    active: bool | None = None
    limit: int = 50
    offset: int = 0


class ListProfileLinks(Ask[LinkPage], frozen=True, kw_only=True):
    """What a workspace shows on its public page: live, active, not expired, meant to be shown; by position, ≤ 200."""

    workspace: str


class UpdateLink(Ask[Link], frozen=True, kw_only=True):
    """Changes what is given and leaves the rest; None clears an optional value."""

    workspace: str
    mode: Mode
    id: str
    destination_url: str | UnsetType = UNSET
    slug: str | UnsetType = UNSET
    title: str | None | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    thumbnail: str | None | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    position: int | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    expires_at: datetime | None | UnsetType = UNSET
    expired_url: str | None | UnsetType = UNSET
    password: str | None | UnsetType = UNSET
    max_clicks: int | None | UnsetType = UNSET
    show_on_profile: bool | UnsetType = UNSET
    forward_query: bool | UnsetType = UNSET


class DeleteLink(Ask[None], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class Resolve(Ask[Resolved], frozen=True, kw_only=True):
    """Where does this slug lead right now, if anywhere?"""

    domain: str
    slug: str


class Unlock(Ask[Resolved], frozen=True, kw_only=True):
    """The target of a link with a password, or none when the password is wrong."""

    domain: str
    slug: str
    password: str


class RecordTotals(Ask[None], frozen=True, kw_only=True):
    """Absolute totals from analytics: hearing one twice, or an old one late, does no harm."""

    totals: tuple[Total, ...]


class LinkCreated(Event, frozen=True, kw_only=True):
    link: Link


class LinkUpdated(Event, frozen=True, kw_only=True):
    link: Link
    former_slug: str | None = None  # when the slug itself has changed


class LinkDeleted(Event, frozen=True, kw_only=True):
    link: Link
