"""The pages in a real browser, on a phone and on a desk, in light and in dark."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from gateway.pages import link as pages
from services.profile.themes import THEMES
from shared.contracts.profile import Layout
from tests.gateway.pages.chromium import Browser
from tests.gateway.pages.conftest import Shelf
from tests.gateway.pages.samples import bio_page, link, profile
from tests.gateway.pages.test_link_pages import EVERY

PHONE, DESK = (390, 844), (1280, 900)
SMALL_PHONE = (320, 568)

MEASURE = Path(__file__).with_name("measure.js").read_text()


class Measured(msgspec.Struct, frozen=True):
    width: float  # of all that is on the page, in CSS pixels
    contrast: float  # of the text that is hardest to read
    hardest: str  # that text
    target: float  # the height of the lowest link, button or field, in CSS pixels
    ground: str  # the background colour of the page, as CSS writes it


async def measure(browser: Browser) -> Measured:
    return msgspec.convert(await browser.evaluate(MEASURE), Measured)


async def look_at(browser: Browser) -> dict[str, Measured]:
    """The open page at all sizes and in both schemes; asserts what has to hold everywhere."""
    seen = {}
    for width, height in (PHONE, DESK):
        await browser.resize(width, height)
        for scheme in ("light", "dark"):
            await browser.prefer(scheme)
            measured = await measure(browser)
            where = f"{width} px, {scheme}: {measured}"
            assert measured.width <= width, where
            assert measured.contrast >= 4.5, where
            assert measured.target >= 44, where
            seen[scheme] = measured
    return seen


def css(colour: str) -> str:
    return f"rgb({', '.join(str(channel) for channel in bytes.fromhex(colour[1:]))})"


@pytest.mark.parametrize("name", THEMES)
async def test_a_theme_fits_and_can_be_read(browser: Browser, shelf: Shelf, name: str) -> None:
    theme = THEMES[name]
    shelf.pages["/@mara"] = bio_page(profile(theme=name, layout=theme.layout), public_url=shelf.url)
    await browser.open(f"{shelf.url}/@mara")
    seen = await look_at(browser)
    if theme.layout != "card":  # a card lies on a ground that is tinted
        assert seen["light"].ground == css(theme.light.background)
        assert seen["dark"].ground == css(theme.dark.background)
    assert browser.requested() == [f"{shelf.url}/@mara"]
    assert browser.complaints() == []


@pytest.mark.parametrize("layout", get_args(Layout))
async def test_endless_words_and_both_directions_of_writing_fit_on_a_small_phone(
    browser: Browser, shelf: Shelf, layout: Layout
) -> None:
    word = "Donaudampfschifffahrtsgesellschaft" * 7
    drawn = profile(
        name=word,
        bio=f"{word}\nשלום \u202eevil",
        location=word,
        pronouns=word,
        layout=layout,
        website=f"https://{word}.example",
    )
    links = (link(1, title=word, description=word), link(2, title="مرحبا بالعالم"), link(3, title="👩‍👩‍👧‍👦" * 60))
    shelf.pages["/@long"] = bio_page(drawn, links, public_url=shelf.url)
    await browser.open(f"{shelf.url}/@long")
    for width, height in (SMALL_PHONE, DESK):
        await browser.resize(width, height)
        assert (await measure(browser)).width <= width
    assert browser.complaints() == []


async def test_a_page_without_links_fits_too(browser: Browser, shelf: Shelf) -> None:
    for layout in get_args(Layout):
        shelf.pages["/@empty"] = bio_page(profile(layout=layout), (), public_url=shelf.url)
        await browser.open(f"{shelf.url}/@empty")
        await look_at(browser)


async def test_a_picture_of_the_page_shows_something(browser: Browser, shelf: Shelf, tmp_path: Path) -> None:
    shelf.pages["/@mara"] = bio_page(public_url=shelf.url)
    await browser.open(f"{shelf.url}/@mara")
    pictures = {}
    for width, height in (PHONE, DESK):
        await browser.resize(width, height)
        for scheme in ("light", "dark"):
            await browser.prefer(scheme)
            picture = pictures[width, scheme] = await browser.picture()
            (tmp_path / f"{width}-{scheme}.png").write_bytes(picture)
            assert int.from_bytes(picture[16:20]) == width
            # A page of one colour takes a few kilobytes; text and buttons take more.
            assert len(picture) > 15_000
    assert len(set(pictures.values())) == 4


@pytest.mark.parametrize("name", EVERY)
async def test_a_page_around_a_redirect_fits_and_can_be_read(browser: Browser, shelf: Shelf, name: str) -> None:
    status, draw = EVERY[name]
    shelf.pages["/page"] = draw()
    await browser.open(f"{shelf.url}/page")
    await look_at(browser)
    assert browser.requested() == [f"{shelf.url}/page"]
    # A browser notes a status of 400 and more in its console, and nothing else.
    assert [text for text in browser.complaints() if f"status of {status}" not in text] == []


async def test_the_password_form_leads_on_to_another_site(browser: Browser, shelf: Shelf, elsewhere: Shelf) -> None:
    elsewhere.pages["/arrived"] = pages.not_found()
    shelf.pages["/secret"] = pages.password("/secret")
    shelf.after_post["/secret"] = f"{elsewhere.url}/arrived"
    await browser.open(f"{shelf.url}/secret")
    await browser.send_form("open sesame")
    assert await browser.evaluate("location.href") == f"{elsewhere.url}/arrived"


async def test_the_keyboard_reaches_the_links_and_shows_where_it_is(browser: Browser, shelf: Shelf) -> None:
    shelf.pages["/@mara"] = bio_page(profile(website=None), public_url=shelf.url)
    await browser.open(f"{shelf.url}/@mara")
    for kind in ("rawKeyDown", "keyUp"):
        await browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert await browser.evaluate("document.activeElement.href") == f"{shelf.url}/abc0000"
    assert await browser.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"


async def test_who_wants_little_motion_gets_none(browser: Browser, shelf: Shelf) -> None:
    shelf.pages["/@mara"] = bio_page(public_url=shelf.url)
    await browser.open(f"{shelf.url}/@mara")
    durations: dict[str, Any] = {}
    for motion in ("no-preference", "reduce"):
        await browser.prefer("light", motion)
        durations[motion] = await browser.evaluate(
            "getComputedStyle(document.querySelector('nav a')).transitionDuration"
        )
    assert durations["no-preference"] != "0s"
    assert durations["reduce"] == "0s"
