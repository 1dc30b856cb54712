import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.destinations import LONGEST, OwnHosts, check, check_web_url, is_safe_location
from shared.faults import Code, Fault
from shared.settings import Settings, SettingsError

VISIBLE = re.compile(r"[\x21-\x7e]+")
PLAIN = re.compile(r"https?://[^/?#@\\]+(?:[/?#]|$)")

CANONICAL = [
    "https://example.com",
    "https://example.com/",
    "http://example.com:8080/a/b/../c;d=1?x=1&y[]=2#part",
    "https://example.com:443/kept-as-given",
    "https://example.com?no=slash",
    "https://example.com#part",
    "https://sub.sub.example.co.uk/path",
    "https://xn--mnchen-3ya.de/",
    "https://my_bucket.s3.example.com/a",
    "https://r3---sn-abc.example.com/video",
    "https://ab--cd.example.com",
    "https://intranet/wiki",
    "https://192.0.2.7:81/x",
    "https://[2001:db8::1]/x",
    "https://[2001:db8::1]:8443/x",
    "https://example.com./",
    "https://example.com/%E2%82%AC?q=%20#%zz",
    "https://example.com/a:b@c/(d)!$&'*+,;=~",
    "https://example.com//double//slash",
    "https://example.com/?next=https://other.example/?a=b",
    "https://example.com/#/route?x=1",
    "https://example.com/#:~:text=word",
    "https://example.com/100%",
    "https://123.example.com/",
    "https://0x7f.example.com/",
]

REWRITTEN = {
    "HTTPS://EXAMPLE.COM/Path": "https://example.com/Path",
    "hTTp://Example.Com": "http://example.com",
    "https://example.com:/x": "https://example.com/x",
    "https://example.com:0443/": "https://example.com:443/",
    "https://münchen.de/": "https://xn--mnchen-3ya.de/",
    "https://MÜNCHEN.de/": "https://xn--mnchen-3ya.de/",
    "https://faß.de": "https://xn--fa-hia.de",
    "https://例え.jp/日本": "https://xn--r8jz45g.jp/%E6%97%A5%E6%9C%AC",
    "https://аррӏе.com/": "https://xn--80ak6aa92e.com/",
    "https://ｅｘａｍｐｌｅ.com/": "https://example.com/",
    "https://example。com/": "https://example.com/",
    "https://example．com/": "https://example.com/",
    "https://example｡com/": "https://example.com/",
    "https://𝓮𝔁𝓪𝓶𝓹𝓵𝓮.com/": "https://example.com/",
    "https://example.com/ä?ö=ü#ß": "https://example.com/%C3%A4?%C3%B6=%C3%BC#%C3%9F",
    "https://example.com/😀": "https://example.com/%F0%9F%98%80",
    "https://example.com/می\u200cخواهم": "https://example.com/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85",
    'https://example.com/"<a>`{b}|^': "https://example.com/%22%3Ca%3E%60%7Bb%7D%7C%5E",
    "https://example.com/?q=<script>alert(1)</script>": "https://example.com/?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "http://3221225985/": "http://192.0.2.1/",
    "http://0xC0000201/": "http://192.0.2.1/",
    "http://0300.0.02.01/": "http://192.0.2.1/",
    "http://192.513/": "http://192.0.2.1/",
    "http://192.0.513/": "http://192.0.2.1/",
    "http://192.0.2.1./": "http://192.0.2.1/",
    "http://１９２.０.２.１/": "http://192.0.2.1/",
    "http://①⑨②.0.2.1/": "http://192.0.2.1/",
    "http://[::ffff:192.0.2.1]/": "http://192.0.2.1/",
    "http://[::FFFF:C000:0201]/": "http://192.0.2.1/",
    "http://[0:0:0:0:0:ffff:c000:201]/": "http://192.0.2.1/",
    "http://[2001:DB8:0:0:0:0:0:1]/": "http://[2001:db8::1]/",
}

# Schemes that are not ours, and those that only look like ours.
SCHEMES = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "javascript&colon;alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data://example.com/,x",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "file://example.com/share",
    "ftp://example.com/",
    "gopher://example.com/",
    "ws://example.com/",
    "wss://example.com/",
    "blob:https://example.com/1",
    "about:blank",
    "view-source:https://example.com/",
    "intent://example.com/#Intent;scheme=http;end",
    "mailto:a@example.com",
    "tel:+123",
    "ssh://example.com",
    "ldap://example.com",
    "dict://example.com",
    "jar:https://example.com!/",
    "feed:https://example.com/",
    "httpx://example.com/",
    "httpss://example.com/",
    "xhttp://example.com/",
    "http+unix://example.com/",
    "httpſ://example.com/",
    "ｈｔｔｐ://example.com/",
    "hтtp://example.com/",
    "http：//example.com/",
    "http:／／example.com/",
    "https\u200b://example.com/",
    "\ufeffhttps://example.com/",
    "url:https://example.com/",
    "<https://example.com/>",
    '"https://example.com/"',
    "(https://example.com/)",
]

# No scheme or no host where one must be.
SHAPES = [
    "",
    " ",
    "/",
    "//",
    "///",
    "?",
    "#",
    ".",
    "..",
    "example.com",
    "www.example.com/path",
    "//example.com/",
    "///example.com/",
    "////example.com/",
    "/\\example.com/",
    "\\\\example.com\\",
    "/path",
    "../path",
    "?x=1",
    "#x",
    ":80",
    "http",
    "http:",
    "http:/",
    "http://",
    "http:///",
    "http:///example.com/",
    "http:////example.com/",
    "https:example.com",
    "https:/example.com",
    "https:\\\\example.com",
    "https:/\\example.com",
    "https:\\/example.com",
    "https://\\example.com",
    "https://example.com\\path",
    "https://example.com\\@evil.example/",
    "https://example.com/\\evil.example",
    "https://?x",
    "https://#x",
    "https://:80",
    "https://:80/x",
    "://example.com",
    "https//example.com",
    "https;//example.com",
    "http::/example.com",
]

# What would end a header, hide in a text, or be dropped by a browser.
CHARACTERS = [
    "https://example.com/\r\nSet-Cookie: a=b",
    "https://example.com/\nX: y",
    "https://example.com/\rX: y",
    "https://example.com/\n",
    "https://example.com\n",
    "\nhttps://example.com/",
    "https://exam\nple.com/",
    "https://exam\tple.com/",
    "ht\ttps://example.com/",
    "https:/\t/example.com/",
    "https://example.com/\t",
    "https://example.com/a b",
    "https://example.com /",
    "https://example .com/",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/\0",
    "https://exam\0ple.com/",
    "https://example.com/\x7f",
    "https://example.com/\x0b",
    "https://example.com/\x0c",
    "https://example.com/\x1b[31m",
    "https://example.com/\x80",
    "https://example.com/\x85",
    "https://example.com/\xa0",
    "https://example.com/\u1680",
    "https://example.com/\u2003",
    "https://example.com/\u2028",
    "https://example.com/\u2029",
    "https://example.com/\u3000",
    "https://example.com/\u200b",
    "https://exam\u200bple.com/",
    "https://example.com/\u200e",
    "https://example.com/\u202egpj.exe",
    "https://exam\u202eple.com/",
    "https://example.com/\u2066",
    "https://example.com/\u2060",
    "https://example.com/\ufeff",
    "https://exam\xadple.com/",
    "https://example.com/\ud800",
    "https://exam\udfffple.com/",
    "https://example.com/\U000e0041",
]

# Hosts that are none, user names, and ports that are none.
HOSTS = [
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://@example.com/",
    "https://:@example.com/",
    "https://example.com@evil.example/",
    "https://example.com:443@evil.example/",
    "https://example.com%40evil.example/",
    "https://example.com＠evil.example/",
    "https://example.com%2f@evil.example/",
    "https://example.com／evil.example/",
    "https://example.com？evil.example/",
    "https://example.com＃evil.example/",
    "https://example.com：80/",
    "https://example.com＼evil.example/",
    "https://ex℀mple.com/",
    "https://ex%61mple.com/",
    "https://%65xample.com/",
    "https://example.com%00/",
    "https://example.com%0d%0a/",
    "https://.example.com/",
    "https://example..com/",
    "https://example.com../",
    "https://./",
    "https://../",
    "https://。/",
    "https://-example.com/",
    "https://example-.com/",
    "https://exam*ple.com/",
    "https://*.example.com/",
    "https://exam,ple.com/",
    "https://exam;ple.com/",
    "https://exam!ple.com/",
    "https://exam$ple.com/",
    "https://exam&ple.com/",
    "https://exam'ple.com/",
    'https://exam"ple.com/',
    "https://exam(ple).com/",
    "https://exam+ple.com/",
    "https://exam=ple.com/",
    "https://exam<ple>.com/",
    "https://exam|ple.com/",
    "https://exam^ple.com/",
    "https://exam`ple.com/",
    "https://exam{ple}.com/",
    "https://exam~ple.com/",
    "https://xn--/",
    "https://xn--a/",
    "https://xn--example-.com/",
    "https://xn--\x80.com/",
    "https://exam\u200dple.com/",
    "https://\u0301example.com/",
    "https://" + "a" * 64 + ".com/",
    "https://" + "ü" * 64 + ".com/",
    "https://" + "a." * 127 + "com/",
    "https://" + "a" * 2000,
    "https://example.com:0/",
    "https://example.com:00000/",
    "https://example.com:65536/",
    "https://example.com:99999/",
    "https://example.com:000080/",
    "https://example.com:-1/",
    "https://example.com:+80/",
    "https://example.com:80a/",
    "https://example.com:a/",
    "https://example.com:8 0/",
    "https://example.com:80:80/",
    "https://example.com::80/",
    "https://example.com:８０/",
    "https://example.com:٨٠/",
    "https://example.com:0x50/",
    "https://256.1.1.1/",
    "https://1.2.3.256/",
    "https://1.2.3.4.5/",
    "https://1.2.65536/",
    "https://1.16777216/",
    "https://4294967296/",
    "https://0x100000000/",
    "https://08.1.1.1/",
    "https://1..1/",
    "https://0xg.1/",
    "https://example.1/",
    "https://example.0x1/",
    "https://1.2.3.-4/",
    "https://" + "9" * 2000,
    "https://[]/",
    "https://[/",
    "https://]/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]]/",
    "https://[[::1]]/",
    "https://[::1]x/",
    "https://x[::1]/",
    "https://[::g]/",
    "https://[1:2:3:4:5:6:7]/",
    "https://[1:2:3:4:5:6:7:8:9]/",
    "https://[::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::ffff:256.0.0.1]/",
    "https://[::ffff:127.1]/",
    "https://[127.0.0.1]/",
    "https://[example.com]/",
    "https://[v1.fe80::a]/",
    "https://[::1]:0/",
    "https://[::1]:99999/",
]

HOSTILE = [*dict.fromkeys(SCHEMES + SHAPES + CHARACTERS + HOSTS)]

LOOPBACK = [
    "localhost",
    "LOCALHOST",
    "LocalHost.",
    "a.localhost",
    "a.b.LOCALHOST.",
    "localhost.localdomain",
    "ip6-localhost",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0X7F.0x0.0x0.0x1",
    "0x7f.1",
    "0177.0.0.01",
    "0177.1",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "ｌｏｃａｌｈｏｓｔ",
    "𝔩𝔬𝔠𝔞𝔩𝔥𝔬𝔰𝔱",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "localhoſt",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::ffff:127.8.8.8]",
    "[::ffff:0.0.0.0]",
]


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
