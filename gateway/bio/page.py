"""The public page `/@username`, drawn from what the services say. Nothing here waits for anything."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gateway.bio.look import look
from gateway.pages.address import host, spelled_out, web_address
from gateway.pages.page import Page, environment, page
from shared.contracts.links import Link, Status
from shared.contracts.modes import Mode
from shared.contracts.profile import Profile, PublicProfile
from shared.short_urls import short_url

BODY_LIMIT_BYTES = 50 * 1024


class Detail(NamedTuple):
    """How much a page says of each link: characters of title and description, and whether there are pictures."""

    title: int
    description: int
    pictures: bool


# A page with very many links says less of each, so that it stays quick to load on a phone.
DETAILS = (Detail(255, 160, True), Detail(120, 0, False), Detail(24, 0, False))


class Row(NamedTuple):
    href: str
    title: str
    description: str | None
    picture: str | None


def render(public: PublicProfile, links: Sequence[Link], *, page_url: str, public_url: str, now: datetime) -> Page:
    """The page at `page_url`. Of `links` it shows those a visitor may use at `now`, each by its short URL."""
    profile = public.profile
    shown = _visible(links, now)
    style = look(public.theme, profile.layout)
    html = ""
    for detail in DETAILS:
        html = _PAGE.render(
            css=style.css,
            theme=public.theme,
            profile=profile,
            rows=[_row(link, detail, public_url) for link in shown],
            avatar=web_address(profile.avatar),
            banner=web_address(profile.banner),
            website=web_address(profile.website),
            initials=_initials(profile),
            summary=_summary(profile),
            page_url=page_url,
            public_url=public_url,
        )
        if len(html.encode()) < BODY_LIMIT_BYTES:
            break
    return page(html, style, cache=b"no-cache", referrer=b"strict-origin-when-cross-origin")


def _visible(links: Sequence[Link], now: datetime) -> list[Link]:
    # The list may have been kept for a while, and a link can expire in the meantime.
    usable = (
        link for link in links if link.mode is Mode.LIVE and link.show_on_profile and link.status(now) is Status.ACTIVE
    )
    return sorted(usable, key=lambda link: (link.position, link.created_at))


def _row(link: Link, detail: Detail, public_url: str) -> Row:
    title = link.title or host(link.destination_url) or link.slug
    return Row(
        href=short_url(public_url, link.domain, link.slug),
        title=_shorten(title, detail.title),
        description=_shorten(link.description, detail.description) if link.description and detail.description else None,
        picture=web_address(link.thumbnail) if detail.pictures else None,
    )


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _initials(profile: Profile) -> str:
    """What stands in for a missing picture: the first letters of the first and the last word of the name."""
    letters = [word[0] for word in profile.name.split() if word[0].isalnum()] or [profile.username[0]]
    return (letters[0] if len(letters) == 1 else letters[0] + letters[-1]).upper()


def _summary(profile: Profile) -> str:
    """One line about the page for search engines and link previews."""
    return _shorten(" ".join((profile.bio or "").split()) or f"All links of {profile.name} in one place.", 200)


def _compact(number: int) -> str:
    """A number as people read it at a glance: 999, 1.2K, 34K, 5.6M."""
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")):
        if number >= size:
            # Cut, never rounded up: nobody is told of more followers than there are.
            tenths = number * 10 // size
            return f"{tenths // 10}{unit}" if tenths >= 100 or tenths % 10 == 0 else f"{tenths / 10}{unit}"
    return str(number)


_TEMPLATES = environment(Path(__file__).parent)
_TEMPLATES.filters.update(compact=_compact, host=host, spelled_out=spelled_out)
_PAGE = _TEMPLATES.get_template("page.html")
