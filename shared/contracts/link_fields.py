"""What can be said of a link: all of it when it is made, any of it when it is changed."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

Metadata = dict[str, Any]  # a JSON object of the caller's, at most 50 keys and 8 KiB; never looked into


class NewLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that can be said of a link when it is made."""

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
    external_id: str | None = None  # up to 255 characters
    archived: bool = False


class LinkChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Changes what is given and leaves the rest; None clears an optional value."""

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
    max_clicks: int | None | UnsetType = UNSET  # raised, it opens a link again that had reached its limit
    show_on_profile: bool | UnsetType = UNSET
    forward_query: bool | UnsetType = UNSET
    external_id: str | None | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class LinkEdit(LinkChange, frozen=True, kw_only=True, omit_defaults=True):
    """A change to one of several links."""

    id: str
