"""The small pages around a redirect."""

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.pages import link as pages
from gateway.pages.page import Page
from tests.gateway.pages.document import Document
from tests.gateway.pages.samples import TARGET

SHORT_URL = "https://way.example/abc0001"
EVERY: dict[str, tuple[int, Callable[[], Page]]] = {
    "not-found": (404, pages.not_found),
    "inactive": (404, pages.inactive),
    "expired": (410, pages.expired),
    "preview": (200, lambda: pages.preview(TARGET, SHORT_URL)),
    "protected-preview": (200, lambda: pages.preview(replace(TARGET, has_password=True), SHORT_URL)),
    "password": (200, lambda: pages.password("/abc0001")),
    "wrong-password": (403, lambda: pages.password("/abc0001", wrong=True)),
    "too-many": (429, lambda: pages.too_many(30)),
    "unavailable": (503, pages.unavailable),
}


@pytest.mark.parametrize(("status", "draw"), EVERY.values(), ids=list(EVERY))
def test_every_page_is_small_whole_and_needs_nothing_else(status: int, draw: Callable[[], Page]) -> None:
    page = draw()
    document = Document(page)
    headers = dict(page.headers)
    assert page.status == status
    assert len(page.body) < 6 * 1024
    assert document.one("html").attributes["lang"] == "en"
    assert document.text("title")
    assert len(document.all("h1")) == len(document.all("main")) == 1
    assert document.meta(name="robots") == "noindex"
    assert not re.search(rb"<script|<img|style=|@import|url\(", page.body)
    assert headers[b"content-length"] == str(len(page.body)).encode()
    assert headers[b"cache-control"] == b"private, no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert b"default-src 'none'; style-src 'sha256-" in headers[b"content-security-policy"]
    assert b"unsafe" not in headers[b"content-security-policy"]


def test_a_page_that_never_changes_is_drawn_once() -> None:
    assert pages.not_found() is pages.not_found()
    assert pages.inactive() is pages.inactive()
    assert pages.expired() is pages.expired()
    assert pages.unavailable() is pages.unavailable()
    assert pages.too_many(7) is pages.too_many(7)


def test_pages_that_ask_for_patience_say_how_long() -> None:
    assert (b"retry-after", b"30") in pages.too_many(30).headers
    assert b"wait 30 seconds" in pages.too_many(30).body
    assert b"wait one second" in pages.too_many(1).body
    assert dict(pages.unavailable().headers)[b"retry-after"].isdigit()


def test_the_preview_shows_host_address_and_title_and_leads_on_by_the_short_link() -> None:
    document = Document(pages.preview(TARGET, SHORT_URL))
    assert document.text("h1") == "shop.example.org"
    assert document.text("p", **{"class": "url"}) == TARGET.destination_url
    assert document.text("p", **{"class": "name"}) == TARGET.title
    on = document.one("a")
    assert on.attributes["href"] == SHORT_URL
    assert "".join(on.text) == "Continue to shop.example.org"


def test_the_preview_of_a_protected_link_keeps_its_secret() -> None:
    page = pages.preview(replace(TARGET, has_password=True), SHORT_URL)
    assert b"shop.example.org" not in page.body
    assert b"Tour dates" not in page.body
    assert Document(page).one("a").attributes["href"] == SHORT_URL


def test_the_password_form_is_plain_and_labelled() -> None:
    document = Document(pages.password("/abc0001"))
    assert document.one("form").attributes == {"method": "post", "action": "/abc0001"}
    field = document.one("input").attributes
    assert (field["type"], field["name"], field["autocomplete"]) == ("password", "password", "off")
    assert document.one("label").attributes["for"] == field["id"]
    assert document.all("p", role="alert") == []


def test_a_wrong_password_is_told_to_everybody_who_reads_or_listens() -> None:
    document = Document(pages.password("/abc0001", wrong=True))
    alert = document.one("p", role="alert")
    assert "not the right password" in "".join(alert.text)
    assert document.one("input").attributes["aria-describedby"] == alert.attributes["id"]
