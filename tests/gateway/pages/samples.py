"""People and links to draw pages of."""

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from gateway.bio.page import render
from gateway.pages.page import Page
from services.profile.themes import DEFAULT_THEME, THEMES
from shared.contracts.links import Link
from shared.contracts.modes import Mode
from shared.contracts.profile import Profile, PublicProfile, Section, Stats
from shared.contracts.targets import Target

NOW = datetime(2030, 5, 17, 12, 0, tzinfo=UTC)
PUBLIC_URL = "https://way.example"
ALL: tuple[Section, ...] = ("header", "bio", "details", "stats", "links", "footer")

PROFILE = Profile(
    workspace="w1",
    mode=Mode.LIVE,
    user="u1",
    username="mara.lindqvist",
    name="Mara Lindqvist",
    bio="Field recordings, modular synths and long walks.\nNew album “Tidal Maps” is out now.",
    theme=DEFAULT_THEME,
    layout="centered",
    sections=ALL,
    location="Gothenburg, Sweden",
    website="https://www.maralindqvist.example/about",
    pronouns="she/her",
    stats=Stats(views=128_412, followers=9_870, following=214),
    created_at=NOW,
    updated_at=NOW,
)

TITLES = (
    ("Tidal Maps: listen everywhere", "The new album on all streaming services"),
    ("Tour dates, spring and summer", None),
    ("Sample pack: Baltic Winter", "320 free sounds, recorded on ice"),
    ("Newsletter", "One letter a month"),
    ("Video: building a tape loop", None),
    ("Support me", None),
)


def link(number: int, **changes: Any) -> Link:
    title, description = TITLES[number % len(TITLES)]
    sample = Link(
        id=f"link{number}",
        workspace="w1",
        mode=Mode.LIVE,
        domain="",
        slug=f"abc{number:04}",
        destination_url=f"https://shop.example.org/things/{number}",
        title=title,
        description=description,
        position=number,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(sample, **changes)


LINKS = tuple(link(number) for number in range(6))

TARGET = Target(
    link="link1",
    workspace="w1",
    mode=Mode.LIVE,
    domain="",
    slug="abc0001",
    destination_url="https://www.shop.example.org/things/1?colour=blue",
    title="Tour dates, spring and summer",
)


def profile(**changes: Any) -> Profile:
    return replace(PROFILE, **changes)


def bio_page(drawn: Profile = PROFILE, links: tuple[Link, ...] = LINKS, public_url: str = PUBLIC_URL) -> Page:
    return render(
        PublicProfile(profile=drawn, theme=THEMES[drawn.theme]),
        links,
        page_url=f"{public_url}/@{drawn.username}",
        public_url=public_url,
        now=NOW,
    )
