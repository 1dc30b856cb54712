"""Bio profiles: who somebody is, how their page looks, and whom they follow."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Event
from shared.contracts.modes import Mode

Layout = Literal["centered", "left", "card", "grid", "banner"]
ButtonShape = Literal["rounded", "pill", "square", "soft", "outline", "underline", "shadow"]
Section = Literal["header", "bio", "details", "stats", "links", "footer"]


class Palette(msgspec.Struct, frozen=True, kw_only=True):
    """Colours as CSS hex values; text on its ground has a contrast of at least 4.5 : 1."""

    background: str
    surface: str  # the ground of a button or card
    text: str
    muted: str
    accent: str
    on_accent: str  # text on the accent colour


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    light: Palette
    dark: Palette
    font: str  # a CSS font-family list of fonts that systems bring along
    heading_font: str
    button: ButtonShape
    layout: Layout


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A whole look: a theme, how the page is laid out, and which sections it has in which order."""

    id: str
    name: str
    description: str
    category: str
    theme: str
    layout: Layout
    sections: tuple[Section, ...]


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    templates: tuple[Template, ...]


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    views: int = 0
    followers: int = 0
    following: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The test profile of a workspace is another one than the live profile, and is never public."""

    workspace: str
    mode: Mode
    user: str
    username: str
    name: str
    bio: str | None = None
    avatar: str | None = None
    banner: str | None = None
    theme: str
    layout: Layout
    sections: tuple[Section, ...]
    location: str | None = None
    website: str | None = None
    pronouns: str | None = None
    stats: Stats = Stats()
    created_at: datetime
    updated_at: datetime


class PublicProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A live profile with its theme spelled out, ready to be drawn."""

    profile: Profile
    theme: Theme


class Views(msgspec.Struct, frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    views: int  # since the profile exists


class GetProfile(Ask[Profile], frozen=True, kw_only=True):
    """A workspace's own profile; it is made at the first look."""

    workspace: str
    mode: Mode


class GetPublicProfile(Ask[PublicProfile], frozen=True, kw_only=True):
    """NOT_FOUND when nobody has that name."""

    username: str


class UpdateProfile(Ask[Profile], frozen=True, kw_only=True):
    """Changes what is given and leaves the rest; None clears an optional value."""

    workspace: str
    mode: Mode
    name: str | UnsetType = UNSET
    bio: str | None | UnsetType = UNSET
    avatar: str | None | UnsetType = UNSET
    banner: str | None | UnsetType = UNSET
    theme: str | UnsetType = UNSET
    location: str | None | UnsetType = UNSET
    website: str | None | UnsetType = UNSET
    pronouns: str | None | UnsetType = UNSET


class ListTemplates(Ask[Templates], frozen=True, kw_only=True):
    pass


class ApplyTemplate(Ask[Profile], frozen=True, kw_only=True):
    """Puts the template's theme, layout and sections on the profile; what it says stays."""

    workspace: str
    mode: Mode
    template: str


class Follow(Ask[Profile], frozen=True, kw_only=True):
    """Answers the follower's own profile. Following somebody twice is following once; oneself: IMPOSSIBLE."""

    workspace: str
    mode: Mode
    username: str


class Unfollow(Ask[Profile], frozen=True, kw_only=True):
    """Answers the follower's own profile. Unfollowing somebody who is not followed changes nothing."""

    workspace: str
    mode: Mode
    username: str


class RecordViews(Ask[None], frozen=True, kw_only=True):
    """Absolute totals from analytics: hearing one twice, or an old one late, does no harm."""

    totals: tuple[Views, ...]


class ProfileUpdated(Event, frozen=True, kw_only=True):
    profile: Profile
