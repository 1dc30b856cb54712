"""The caller's profile, and whom they follow."""

import msgspec
from msgspec import UNSET, UnsetType

from gateway.endpoint import Call, Endpoint
from shared.contracts import profile


class StatsBody(msgspec.Struct, frozen=True):
    views: int
    followers: int
    following: int


class ProfileBody(msgspec.Struct, frozen=True, kw_only=True):
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
    stats: StatsBody


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed; null clears an optional value."""

    name: str | UnsetType = UNSET
    bio: str | None | UnsetType = UNSET
    avatar: str | None | UnsetType = UNSET
    banner: str | None | UnsetType = UNSET
    theme: str | UnsetType = UNSET
    location: str | None | UnsetType = UNSET
    website: str | None | UnsetType = UNSET
    pronouns: str | None | UnsetType = UNSET


async def get_profile(call: Call) -> ProfileBody:
    """Your profile: who you are, how your page looks, and how many look at it."""
    found = await call.ask(profile.GetProfile(workspace=call.workspace, mode=call.mode))
    return body_of(found)


async def update_profile(call: Call, body: ProfileChanges) -> ProfileBody:
    """Changes the fields that are given and leaves the others."""
    updated = await call.write(
        profile.UpdateProfile(
            workspace=call.workspace,
            mode=call.mode,
            name=body.name,
            bio=body.bio,
            avatar=body.avatar,
            banner=body.banner,
            theme=body.theme,
            location=body.location,
            website=body.website,
            pronouns=body.pronouns,
        )
    )
    return body_of(updated)


async def follow(call: Call) -> ProfileBody:
    """Follows another profile. Following it twice is following it once."""
    followed = await call.write(
        profile.Follow(workspace=call.workspace, mode=call.mode, username=call.path["username"])
    )
    return body_of(followed)


async def unfollow(call: Call) -> None:
    """No longer follows a profile."""
    await call.write(profile.Unfollow(workspace=call.workspace, mode=call.mode, username=call.path["username"]))


def body_of(found: profile.Profile) -> ProfileBody:
    return ProfileBody(
        id=f"usr_{found.user}",
        username=found.username,
        name=found.name,
        bio=found.bio,
        avatar=found.avatar,
        banner=found.banner,
        theme=found.theme,
        location=found.location,
        website=found.website,
        pronouns=found.pronouns,
        stats=StatsBody(found.stats.views, found.stats.followers, found.stats.following),
    )


ENDPOINTS = (
    Endpoint("GET", "/profile", get_profile, scope="profile:read"),
    Endpoint("PATCH", "/profile", update_profile, scope="profile:write"),
    Endpoint("PUT", "/following/{username}", follow, scope="profile:write"),
    Endpoint("DELETE", "/following/{username}", unfollow, scope="profile:write", status=204),
)
