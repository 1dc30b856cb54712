"""What stands on the page `/@username`, in which order, and in how many bytes."""

import re
from datetime import timedelta
from typing import get_args

import pytest
from msgspec.structs import replace

from gateway.bio.page import BODY_LIMIT_BYTES
from services.profile.templates import TEMPLATES
from services.profile.themes import THEMES
from shared.contracts.modes import Mode
from shared.contracts.profile import Layout, Section, Stats, Template
from tests.gateway.pages.document import Document
from tests.gateway.pages.samples import ALL, NOW, PUBLIC_URL, bio_page, link, profile

PICTURE = "https://images.example/pictures/2030/05/mara-lindqvist-portrait-large.jpg"


def test_the_page_says_who_it_is_about() -> None:
    document = Document(bio_page(profile(avatar=PICTURE, banner=PICTURE + "?banner")))
    assert document.one("html").attributes["lang"] == "en"
    assert document.text("title") == "Mara Lindqvist (@mara.lindqvist)"
    assert document.text("h1") == "Mara Lindqvist"
    assert document.one("link", rel="canonical").attributes["href"] == f"{PUBLIC_URL}/@mara.lindqvist"
    summary = "Field recordings, modular synths and long walks. New album “Tidal Maps” is out now."
    assert document.meta(name="description") == summary
    assert document.meta(property="og:title") == "Mara Lindqvist"
    assert document.meta(property="og:description") == summary
    assert document.meta(property="og:type") == "profile"
    assert document.meta(property="og:url") == f"{PUBLIC_URL}/@mara.lindqvist"
    assert document.meta(property="og:image") == PICTURE + "?banner"
    assert document.meta(name="twitter:card") == "summary_large_image"
    assert all("alt" in image.attributes for image in document.all("img"))
    website = document.one("a", rel="nofollow noopener ugc")
    assert (website.attributes["href"], website.text) == (
        "https://www.maralindqvist.example/about",
        ["maralindqvist.example"],
    )
    assert [e.text for e in document.all("dd")] == [["128K"], ["9.8K"], ["214"]]


def test_a_bare_profile_is_a_whole_page_too() -> None:
    bare = profile(bio=None, location=None, website=None, pronouns=None, stats=Stats())
    document = Document(bio_page(bare, ()))
    assert document.meta(name="description") == "All links of Mara Lindqvist in one place."
    assert document.text("span", **{"class": "avatar"}) == "ML"
    assert "No links here yet" in document.text("p", **{"class": "empty"})
    assert document.all("img") == document.all("meta", property="og:image") == document.all("nav") == []


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Mara Lindqvist", "ML"), ("prince", "P"), ("Ana María de la Cruz", "AC"), ("🌊 ✨", "M"), ("李 小龙", "李小")],
)
def test_initials_stand_in_for_a_missing_picture(name: str, initials: str) -> None:
    assert Document(bio_page(profile(name=name))).text("span", **{"class": "avatar"}) == initials


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1K"),
        (1_999, "1.9K"),
        (9_999_999, "9.9M"),
        (12_345, "12K"),
        (2_000_000_000, "2B"),
    ],
)
def test_a_count_is_short_and_never_too_high(number: int, shown: str) -> None:
    document = Document(bio_page(profile(stats=Stats(followers=number))))
    assert document.all("dd")[1].text == [shown]


def test_links_stand_in_their_order_and_lead_over_the_short_url() -> None:
    mixed = (link(3, position=9), link(1, position=4), link(2, position=4, created_at=NOW - timedelta(1)))
    hrefs = [e.attributes["href"] for e in Document(bio_page(links=mixed)).links()]
    assert hrefs == [f"{PUBLIC_URL}/{slug}" for slug in ("abc0002", "abc0001", "abc0003")]


def test_a_link_on_a_domain_of_its_own_leads_there() -> None:
    document = Document(bio_page(links=(link(1, domain="go.mara.example"),)))
    assert document.links()[0].attributes["href"] == "https://go.mara.example/abc0001"


def test_a_link_without_a_title_shows_its_host() -> None:
    assert Document(bio_page(links=(link(1, title=None),))).links()[0].text == ["shop.example.org"]


def test_inactive_expired_hidden_and_test_links_are_not_shown() -> None:
    hidden = (
        link(1, active=False),
        link(2, expires_at=NOW),
        link(3, max_clicks=5, clicks=5),
        link(4, mode=Mode.TEST),
        link(5, show_on_profile=False),
    )
    shown = (link(6, expires_at=NOW + timedelta(seconds=1)), link(7, max_clicks=5, clicks=4))
    hrefs = [e.attributes["href"] for e in Document(bio_page(links=hidden + shown)).links()]
    assert hrefs == [f"{PUBLIC_URL}/abc0006", f"{PUBLIC_URL}/abc0007"]


MARKS: dict[Section, str] = {
    "header": "<header",
    "bio": 'class="bio"',
    "details": 'class="details"',
    "stats": "<dl",
    "links": "<nav",
    "footer": "<footer",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))
def test_the_sections_of_a_template_stand_in_its_order(template: Template) -> None:
    drawn = profile(theme=template.theme, layout=template.layout, sections=template.sections)
    body = bio_page(drawn).body.decode()
    places = {section: body.find(mark) for section, mark in MARKS.items()}
    assert [section for section, place in places.items() if place < 0] == [s for s in ALL if s not in template.sections]
    assert sorted(template.sections, key=places.__getitem__) == list(template.sections)


def test_every_layout_has_rules_of_its_own() -> None:
    styles = {Document(bio_page(profile(layout=layout))).text("style") for layout in get_args(Layout)}
    assert len(styles) == len(get_args(Layout))


@pytest.mark.parametrize("theme", THEMES)
def test_a_page_with_a_hundred_links_stays_under_fifty_kibibytes(theme: str) -> None:
    many = tuple(
        link(number, thumbnail=f"https://images.example/thumbnails/{number:06}-small.webp") for number in range(100)
    )
    page = bio_page(profile(theme=theme, layout=THEMES[theme].layout, avatar=PICTURE, banner=PICTURE), many)
    assert len(page.body) < BODY_LIMIT_BYTES == 50 * 1024
    assert len(Document(page).links()) == 100
    assert page.body.count(b"/thumbnails/") == 100
    assert b"The new album on all streaming services" in page.body


def test_two_hundred_links_with_endless_titles_say_less_but_are_all_there() -> None:
    endless = link(1, title="“Ünd🌊” " * 31, description="d" * 500, thumbnail=PICTURE + "?" + "x" * 1_900)
    page = bio_page(links=tuple(replace(endless, slug=f"abc{number:04}") for number in range(200)))
    assert len(page.body) < BODY_LIMIT_BYTES
    assert len(Document(page).links()) == 200


def test_the_headers_admit_the_one_style_sheet_and_nothing_that_runs() -> None:
    page = bio_page()
    headers = dict(page.headers)
    assert page.status == 200
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"content-length"] == str(len(page.body)).encode()
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"strict-origin-when-cross-origin"
    assert headers[b"cache-control"] == b"no-cache"
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(rb"<script|style=|javascript:|\bon\w+=", page.body)


def test_a_profile_without_a_header_still_has_its_one_heading() -> None:
    document = Document(bio_page(profile(sections=("links",))))
    assert document.text("h1") == "Mara Lindqvist"
    assert document.all("header") == document.all("footer") == []
    assert set(ALL) == set(get_args(Section))
