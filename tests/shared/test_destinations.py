import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.destinations import LONGEST, OwnHosts, check, check_web_url, is_safe_location
from shared.faults import Code, Fault
from shared.settings import Settings, SettingsError

VISIBLE = re.compile(r"[\x21-\x7e]+")
PLAIN = re.compile(r"https?://[^/?#@\\]+(?:[/?#]|$)")

# Odd addresses by kind: how they are written, and what must become of them.
URLS = json.loads(Path(__file__).with_name("urls.json").read_text())
CANONICAL: list[str] = URLS["canonical"]
REWRITTEN: dict[str, str] = URLS["rewritten"]
SCHEMES: list[str] = URLS["schemes"]
SHAPES: list[str] = URLS["shapes"]
CHARACTERS: list[str] = URLS["characters"]
HOSTS: list[str] = URLS["hosts"]
LOOPBACK: list[str] = URLS["loopback"]
HOSTILE = [*dict.fromkeys(SCHEMES + SHAPES + CHARACTERS + HOSTS)]


def own(public_url: str, *further: str) -> OwnHosts:
    return OwnHosts.of(Settings(nats_url="nats://nowhere", public_url=public_url, own_hosts=further))


ELSEWHERE = own("https://go.example")


@pytest.mark.parametrize("url", CANONICAL)
def test_a_canonical_url_is_returned_unchanged(url: str) -> None:
    assert check(url, ELSEWHERE) == url
    assert is_safe_location(url)


@pytest.mark.parametrize(("url", "expected"), REWRITTEN.items())
def test_another_spelling_is_brought_to_the_canonical_one(url: str, expected: str) -> None:
    assert check(url, ELSEWHERE) == expected
    assert check(expected, ELSEWHERE) == expected


def test_the_hostile_list_is_long_enough_to_mean_something() -> None:
    assert len(HOSTILE) + len(LOOPBACK) >= 250


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_with_its_field(url: str) -> None:
    with pytest.raises(Fault) as refusal:
        check(url, ELSEWHERE, field="expired_url")
    assert refusal.value.code is Code.INVALID
    assert [detail["field"] for detail in refusal.value.details] == ["expired_url"]
    assert refusal.value.message.isascii()
    with pytest.raises(Fault):
        check_web_url(url, field="thumbnail")


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_that_got_into_the_database_is_recognised_at_the_redirect(url: str) -> None:
    # Hosts are read closely at write only; here it matters that the header holds one http address and nothing else.
    if is_safe_location(url):
        assert PLAIN.match(url)
        assert VISIBLE.fullmatch(url)


@pytest.mark.parametrize("url", [*SCHEMES, *SHAPES, *CHARACTERS])
def test_what_is_no_plain_http_address_is_never_a_safe_location(url: str) -> None:
    assert not is_safe_location(url)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_a_gateway_on_the_loopback_is_recognised_in_every_spelling_on_its_own_port_only(host: str, scheme: str) -> None:
    local = own("http://127.0.0.1:8080")
    with pytest.raises(Fault) as refusal:
        check(f"{scheme}://{host}:8080/x", local)
    assert refusal.value.code is Code.IMPOSSIBLE
    assert refusal.value.details[0]["field"] == "destination_url"
    check(f"{scheme}://{host}:8081/x", local)
    check(f"{scheme}://{host}/x", local)


@pytest.mark.parametrize("host", LOOPBACK)
def test_the_port_of_the_scheme_counts_as_a_port(host: str) -> None:
    local = own("http://localhost")
    with pytest.raises(Fault):
        check(f"http://{host}/x", local)
    with pytest.raises(Fault):
        check(f"https://{host}:80/x", local)
    check(f"https://{host}/x", local)


@pytest.mark.parametrize(
    "url",
    [
        "https://go.example",
        "https://GO.example/x",
        "http://go.example:8080/x",
        "https://go.example./x",
        "https://go。example/x",
        "https://ｇｏ.example/x",
        "https://go.example:444",
        "https://xn--mnchen-3ya.example/x",
        "https://MÜNCHEN.example/x",
        "https://192.0.2.7/",
        "https://0xC0000207/",
        "https://[::ffff:192.0.2.7]:99/",
        "https://[2001:db8::7]/",
        "https://[2001:0DB8::0007]/",
        "https://ported.example:8443/",
    ],
)
def test_a_named_own_host_is_recognised_in_every_spelling(url: str) -> None:
    ours = own("https://Go.Example/", "münchen.example", "192.0.2.7", "[2001:db8:0::7]", "ported.example:8443")
    with pytest.raises(Fault) as refusal:
        check(url, ours)
    assert refusal.value.code is Code.IMPOSSIBLE
    assert is_safe_location(check_web_url(url, field="thumbnail"))


@pytest.mark.parametrize(
    "url",
    [
        "https://www.go.example/",
        "https://go.example.com/",
        "https://notgo.example/",
        "https://example.com/go.example",
        "https://example.com/?u=https://go.example/",
        "https://ported.example/",
        "http://127.0.0.1:8080/",
        "https://localhost/",
        "https://notlocalhost/",
        "https://localhost.example.com/",
    ],
)
def test_a_neighbour_of_an_own_host_is_not_ours(url: str) -> None:
    assert check(url, own("https://go.example", "ported.example:8443")) == url


@pytest.mark.parametrize(
    ("public_url", "further", "variable"),
    [
        ("go.example", (), "WAYPOST_PUBLIC_URL"),
        ("ftp://go.example", (), "WAYPOST_PUBLIC_URL"),
        ("https://go.example", ("https://other.example",), "WAYPOST_OWN_HOSTS"),
        ("https://go.example", ("other example",), "WAYPOST_OWN_HOSTS"),
        ("https://go.example", ("",), "WAYPOST_OWN_HOSTS"),
    ],
)
def test_a_setting_that_names_no_host_is_refused_by_its_variable(
    public_url: str, further: tuple[str, ...], variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        own(public_url, *further)


def test_the_longest_address_is_2048_characters_percent_encoding_included() -> None:
    longest = "https://example.com/" + "x" * (LONGEST - 20)
    assert check(longest, ELSEWHERE) == longest
    for url in (f"{longest}x", "https://example.com/" + "ü" * 400):
        with pytest.raises(Fault, match=r"2,048"):
            check(url, ELSEWHERE)


hosts = st.one_of(
    st.sampled_from(["example.com", "EXAMPLE.com.", "münchen.de", "0x7f.1", "2130706433", "[::1]", "[::ffff:1.2.3.4]"]),
    st.from_regex(r"[a-zA-Z0-9_.-]{1,20}", fullmatch=True),
    st.from_regex(r"\[[0-9a-f:.]{2,20}\]", fullmatch=True),
    st.text(max_size=20),
)
urls = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "httpſ", "javascript", ""]),
        st.sampled_from(["://", "://", "://", ":", "//", ":/", ":\\\\"]),
        hosts,
        st.sampled_from(["", "", ":80", ":0", ":65535", ":65536", ":", "@x", ":٣"]),
        st.one_of(st.just(""), st.text(max_size=60).map("/{}".format), st.text(max_size=60)),
    ),
)


@given(urls)
@example("https://example.com/%")
@example("https://example.com/?[]#[]##")
def test_whatever_comes_in_only_safe_canonical_addresses_come_out(url: str) -> None:
    try:
        kept = check(url, ELSEWHERE)
    except Fault:
        return
    assert VISIBLE.fullmatch(kept)
    assert len(kept) <= LONGEST
    assert is_safe_location(kept)
    assert check(kept, ELSEWHERE) == kept
    parts = urlsplit(kept)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert parts.username is None
    assert parts.port != 0


@given(st.text())
def test_a_safe_location_is_one_visible_http_address(text: str) -> None:
    for url in (text, f"https://example.com{text}", f"https://{text}"):
        if is_safe_location(url):
            assert PLAIN.match(url)
            assert VISIBLE.fullmatch(url)


@given(st.integers(0, 2**32 - 1), st.data())
def test_an_ipv4_address_is_the_same_in_every_spelling(number: int, data: st.DataObject) -> None:
    octets = number.to_bytes(4, "big")
    count = data.draw(st.integers(1, 4))
    values = [*octets[: count - 1], int.from_bytes(octets[count - 1 :], "big")]
    written = [data.draw(st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "0x000{:x}"])).format(v) for v in values]
    expected = "http://{}.{}.{}.{}/".format(*octets)
    assert check_web_url(f"http://{'.'.join(written)}/", field="url") == expected
    assert check_web_url(f"http://[::ffff:{octets[0]}.{octets[1]}.{octets[2]}.{octets[3]}]/", field="url") == expected
