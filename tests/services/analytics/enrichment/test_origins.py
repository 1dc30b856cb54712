"""Where a visitor came from, by which campaign, and in which language."""

import pytest

from services.analytics.enrichment.campaigns import LONGEST, Campaign, read_campaign
from services.analytics.enrichment.languages import read_language
from services.analytics.enrichment.referrers import read_referrer


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://www.google.com/", "google.com"),
        ("https://www.google.co.uk/search?q=x", "google.co.uk"),
        ("http://Example.COM:8080/a?b#c", "example.com"),
        ("https://example.com", "example.com"),
        ("https://example.com.", "example.com"),
        ("https://example.com?a=1", "example.com"),
        ("https://user:secret@example.com/", "example.com"),
        ("https://blog.example.com/post", "blog.example.com"),
        ("https://m.facebook.com/", "facebook.com"),
        ("https://l.facebook.com/l.php?u=x", "facebook.com"),
        ("https://lm.facebook.com/", "facebook.com"),
        ("https://out.reddit.com/", "reddit.com"),
        ("https://www2.example.org/", "example.org"),
        ("https://t.co/abc", "t.co"),
        ("https://m.co/", "m.co"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://localhost:3000/", "localhost"),
        ("http://192.0.2.7/", "192.0.2.7"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("android-app://com.google.android.gm/", "mail.google.com"),
        ("android-app://com.twitter.android", "x.com"),
        ("android-app://com.example.reader/", "com.example.reader"),
    ],
)
def test_a_referrer_is_named_by_its_host(referrer: str, host: str) -> None:
    assert read_referrer(referrer) == host


@pytest.mark.parametrize(
    "referrer",
    [
        "",
        "-",
        "about:blank",
        "file:///home/me/page.html",
        "chrome-extension://abcdefghijklmnop/page.html",
        "example.com/page",
        "https://",
        "https:///page",
        "https://.example.com/",
        "https://a..b.example/",
        "https://exa mple.com/",
        "https://exam\0ple.com/",
        "https://b\xfccher.example/",
        "https://example.com\\@other.example/",
        "javascript:alert(1)",
        "android-app://",
        "https://" + "a." * 200 + "example",
    ],
)
def test_a_referrer_that_makes_no_sense_is_none(referrer: str) -> None:
    assert read_referrer(referrer) == "Direct"


def test_a_campaign_is_read_from_the_query() -> None:
    query = "utm_source=Newsletter&utm_medium=E-Mail&utm_campaign=Spring+Sale&utm_term=red%20shoes&utm_content=Top"
    assert read_campaign(query) == Campaign("newsletter", "e-mail", "Spring Sale", "red shoes", "Top")


@pytest.mark.parametrize(
    ("query", "source"),
    [
        ("utm_source=a&utm_source=b", "a"),
        ("utm_source=&utm_source=b", "b"),
        ("utm_source=%20%20", ""),
        ("utm_source=a%00b%0d%0ac", "a b c"),
        ("utm_source=caf%C3%A9", "café"),
        ("utm_source=caf\xc3\xa9", "café"),  # raw UTF-8, a character for each byte
        ("utm_source=%E2%82", "\ufffd"),
        ("utm_source=" + "x" * 500, "x" * LONGEST),
        ("utm_source", ""),
        ("x=1&&&;utm_source=a", ""),
        ("", ""),
    ],
)
def test_a_source_is_one_line_of_visible_characters(query: str, source: str) -> None:
    assert read_campaign(query).source == source


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-US,en;q=0.9", "en"),
        ("DE", "de"),
        ("zh-Hant-TW, zh;q=0.5", "zh"),
        ("fil-PH", "fil"),
        (" fr ; q=1", "fr"),
        ("en_GB", "en"),
        ("", "Unknown"),
        ("*", "Unknown"),
        ("english", "Unknown"),
        ("\xe4\xf6", "Unknown"),
    ],
)
def test_the_language_is_the_first_that_the_browser_names(accepted: str, language: str) -> None:
    assert read_language(accepted) == language
