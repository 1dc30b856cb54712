"""Names, bios, titles and addresses are strangers' words: they are shown, and never become markup or code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.pages.address import host, spelled_out, web_address
from gateway.pages.link import preview
from tests.gateway.pages.document import Document
from tests.gateway.pages.samples import TARGET, bio_page, link, profile

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</title></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;",
    "\u202eevil\u202c \u2066rtl\u2069 שלום العربية",
    "👩‍👩‍👧‍👦🏳️‍🌈" * 20,
    "W" * 255,
    "]]> --> <!-- <?php",
)
SAFE_TAGS = {
    *("html", "head", "meta", "title", "link", "style", "body", "main", "header", "nav", "footer", "h1", "p", "span"),
    *("bdi", "small", "ul", "li", "a", "dl", "div", "dt", "dd", "svg", "path", "circle"),
}
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is(text: str) -> None:
    drawn = profile(name=text, bio=text, location=text, pronouns=text)
    document = Document(bio_page(drawn, (link(1, title=text, description=text),)))
    assert {element.tag for element in document.elements} <= SAFE_TAGS
    assert document.text("h1") == document.text("p", **{"class": "bio"}) == document.meta(property="og:title") == text
    assert document.links()[0].attributes.keys() == {"href", "rel"}


@given(name=TEXT, bio=TEXT, title=TEXT)
def test_any_text_comes_back_out_of_the_page(name: str, bio: str, title: str) -> None:
    document = Document(bio_page(profile(name=name, bio=bio), (link(1, title=title, description=None),)))
    assert document.text("h1") == name
    assert document.text("p", **{"class": "bio"}) == bio
    assert "".join(document.links()[0].text) == title


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//https://a.example",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "/relative",
        " https://a.example",
        "https://",
        "https://a.example/\nx",
        'https://a.example/"onerror="x',
        "https:\\\\a.example",
        "",
    ],
)
def test_only_web_addresses_get_onto_a_page(address: str) -> None:
    assert web_address(address) is None
    drawn = profile(avatar=address, banner=address, website=address)
    document = Document(bio_page(drawn, (link(1, thumbnail=address),)))
    assert document.all("img") == document.all("a", rel="nofollow noopener ugc") == []
    assert document.all("meta", property="og:image") == []


def test_web_addresses_pass_as_they_are() -> None:
    for address in ("http://a.example", "HTTPS://A.example/x?y=1&z=%20#q", "https://[2001:db8::1]:8443/", None):
        assert web_address(address) == address


def test_an_address_cannot_hide_where_it_leads() -> None:
    spoofed = "https://good.example\u202e@evil.example/\u2066päth?q=%41&b=c#d"
    assert spelled_out(spoofed) == "https://good.example%E2%80%AE@evil.example/%E2%81%A6p%C3%A4th?q=%41&b=c#d"
    assert host(spoofed) == "evil.example"
    assert host("https://www.аpple.example:444/") == "%D0%B0pple.example"
    assert host("https://[not-an-address/") == ""
    page = preview(replace(TARGET, destination_url=spoofed, title=HOSTILE[0]), "https://way.example/abc0001")
    assert Document(page).text("h1") == "evil.example"
    assert b"<script" not in page.body
