"""The caller's profile, and whom they follow."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.endpoint import Call, Endpoint
from shared.contracts import profile

Username = Annotated[str, Meta(description="The name in the address of a page.", examples=["demo"])]
Name = Annotated[str, Meta(description="1 to 80 characters.", examples=["John Doe"])]
Bio = Annotated[str, Meta(description="At most 500 characters.", examples=["Developer & Creator"])]
Picture = Annotated[str, Meta(description="Address of a picture.")]
Theme = Annotated[str, Meta(description="The id of a theme.")]
Location = Annotated[str, Meta(description="At most 100 characters.")]
Website = Annotated[str, Meta(description="An `http` or `https` address.")]
Pronouns = Annotated[str, Meta(description="At most 40 characters.")]


class StatsBody(msgspec.Struct, frozen=True):
    views: Annotated[int, Meta(ge=0, description="How often people saw the page.", examples=[240])]
    followers: Annotated[int, Meta(ge=0, examples=[12])]
    following: Annotated[int, Meta(ge=0, examples=[3])]


class ProfileBody(msgspec.Struct, frozen=True, kw_only=True):
    id: Annotated[str, Meta(examples=["usr_02FvM8kQ7yZtLw3RbXc5Na"])]
    username: Username
    name: Name
    bio: Bio | None
    avatar: Picture | None
    banner: Picture | None
    theme: Annotated[Theme, Meta(examples=["minimal"])]
    location: Location | None
    website: Website | None
    pronouns: Pronouns | None
    stats: StatsBody


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given is changed; null clears an optional value."""

    name: Name | UnsetType = UNSET
    bio: Bio | None | UnsetType = UNSET
    avatar: Picture | None | UnsetType = UNSET
    banner: Picture | None | UnsetType = UNSET
    theme: Theme | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    website: Website | None | UnsetType = UNSET
    pronouns: Pronouns | None | UnsetType = UNSET


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
    Endpoint("PUT", "/following/{username}", follow, scope="profile:write", parts={"username": Username}),
    Endpoint(
        "DELETE", "/following/{username}", unfollow, scope="profile:write", status=204, parts={"username": Username}
    ),
)
