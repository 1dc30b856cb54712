"""Profiles, as everybody can see them."""

import msgspec

from services.webhooks.bodies.form import encode
from shared.contracts.profile import Profile


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
