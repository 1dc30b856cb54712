"""Addresses by which people have got into networks where they do not belong."""

import itertools
from collections.abc import Iterator

from tests.names import Alias, Names

# Stands for the port at which the canary listens.
PORT = "{port}"

# Not public, each for a reason of its own.
INSIDE_4 = (
    "0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.1", "10.255.255.254", "100.64.0.1", "100.100.100.200",
    "100.127.255.254", "127.0.0.1", "127.0.1.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.8", "192.0.0.9", "192.0.0.192", "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
INSIDE_6 = (
    "::", "::1", "::2", "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254",
    "::ffff:10.0.0.1", "::ffff:0.0.0.0", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::a00:1",
    "64:ff9b:1::127.0.0.1", "64:ff9b:1::808:808", "100::1", "100:0:0:1::1", "2001::1", "2001:0:7f00:1::1", "2001:2::1",
    "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:a00:1::1",
    "2002:c0a8:101::1", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:a00:1", "3fff::1", "4000::1", "5f00::1",
    "8000::1",
    "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::a9fe:a9fe", "fec0::1", "ff01::1",
    "ff02::1",
    "ff05::2", "ff0e::1",
)  # fmt: skip


def urls() -> Iterator[str]:
    for host in itertools.chain(numbers(), letters(), (f"[{address}]" for address in INSIDE_6), zones()):
        yield f"http://{host}:{PORT}/"
    for address in INSIDE_4:
        yield f"http://{address}:{PORT}/"
    yield from tricks()


def numbers() -> Iterator[str]:
    """127.0.0.1 in all the ways in which somebody somewhere reads it."""
    spelled = [("127", "0x7f", "0177"), ("0", "0x0", "00"), ("0", "0x0", "0000"), ("1", "0x01", "01")]
    yield from map(".".join, itertools.product(*spelled))
    yield from ("127.1", "127.0.1", "0x7f.1", "0177.1", "0177.0.1", "127.0x1", "0x7f.0x1", "0x7f.0.1", "0X7F.0.0.1")
    yield from ("2130706433", "0x7f000001", "0x7F000001", "0x07f000001", "017700000001", "00000017700000001")
    yield from (
        "127.0.0.1.",
        "2130706433.",
        "0x7f000001.",
        "127.000.000.001",
        "0127.0.0.1",
        "127.0.0.01",
        "127.00.00.1",
    )
    yield from (
        "0",
        "0x0",
        "00",
        "0.0",
        "4294967296",
        "6425673729",
        "127.0.0.257",
        "383.0.0.1",
        "127.65793",
        "0xa9fea9fe",
    )
    yield from (
        "2852039166",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.16689662",
        "%31%32%37.0.0.1",
        "127.0.0.1%00",
    )


def letters() -> Iterator[str]:
    """Digits, dots and letters that are brought to those of ASCII before a name is looked up."""
    yield from (
        "１２７.０.０.１",
        "１２７．０．０．１",
        "127。0。0。1",
        "127｡0｡0｡1",
        "127．0．0．1",
        "①②⑦.⓪.⓪.①",
        "①②⑦。⓪。⓪。①",
    )
    yield from (
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "𝟭𝟮𝟳.𝟬.𝟬.𝟭",
        "¹²⁷.⁰.⁰.¹",
        "₁₂₇.₀.₀.₁",
        "٠١٢٧.٠.٠.١",
        "२१३०७०६४३३",
        "２１３０７０６４３３",
        "０ｘ７ｆ０００００１",
    )
    yield from (
        "localhost",
        "LOCALHOST",
        "LocalHost",
        "localhost.",
        "localhost..",
        "localhost.localdomain",
        "a.localhost",
    )
    yield from (
        "ip6-localhost",
        "ip6-loopback",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "𝓁ℴ𝒸𝒶𝓁𝒽ℴ𝓈𝓉",
        "localhoſt",
        "loc\u00adalhost",
        "lo\u200bcalhost",
    )
    yield from (
        "%6c%6f%63%61%6c%68%6f%73%74",
        "xn--localhost-",
        "a.b.localhost.",
        "broadcasthost",
        "metadata",
        "instance-data",
    )


def zones() -> Iterator[str]:
    yield from (
        "[::1%lo]",
        "[::1%25lo]",
        "[::1%251]",
        "[fe80::1%lo]",
        "[fe80::1%25lo]",
        "[::ffff:127.0.0.1%25lo]",
        "[::%25lo]",
    )
    yield from (
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::FFFF:7F00:0001]",
    )
    yield from ("[::1]]", "[[::1]]", "[127.0.0.1]", "[::1", "::1", "[v1.127.0.0.1]")


def tricks() -> Iterator[str]:
    here = f"127.0.0.1:{PORT}"
    yield from (f"http://example.com@{here}/", f"http://example.com:80@{here}/", f"http://example.com%40{here}/")
    yield from (f"http://a:b@{here}/", f"http://@{here}/", f"http://:@{here}/", f"http://{here}@example.invalid/")
    yield from (f"http://{here}#@example.com/", f"http://{here}?@example.com/", f"http://{here}\\@example.invalid/")
    yield from (
        f"http://example.invalid\\@{here}/",
        f"http:/\\{here}/",
        f"http:\\\\{here}/",
        f"http:///{here}/",
        f"http:{here}/",
    )
    yield from (
        f"//{here}/",
        f"HTTP://{here}/",
        f"hTTps://{here}/",
        f" http://{here}/",
        f"http://{here}/ ",
        f"\thttp://{here}/",
    )
    yield from (
        f"http://127.0.0.1\t:{PORT}/",
        f"http://127.0.\n0.1:{PORT}/",
        f"http://127.0.0.1 :{PORT}/",
        f"http://{here}/\r\nX: y",
    )
    yield from (
        f"http://{here}/%0d%0aX:%20y",
        f"http://127.0.0.1:0{PORT}/",
        f"http://127.0.0.1:+{PORT}/",
        f"http://127.0.0.1:{PORT}:80/",
    )
    yield from (
        f"file://{here}/etc/passwd",
        "file:///etc/passwd",
        f"gopher://{here}/_x",
        f"dict://{here}/x",
        f"ftp://{here}/",
    )
    yield from (
        f"ws://{here}/",
        f"wss://{here}/",
        f"tcp://{here}/",
        f"unix://{here}/",
        f"jar:http://{here}/!/",
        f"http+unix://{here}/",
    )
    yield from (
        f"http://{here}",
        f"http://{here}?a=b",
        f"http://{here}#a",
        f"http://{here}/../../x",
        f"http://{here}//x",
    )


def names(server: Names, public: str) -> Iterator[str]:
    """Names of which the name server says something that is not what it seems."""
    for number, address in enumerate((*INSIDE_4, *INSIDE_6)):
        yield server.says(f"plain-{number}.example", [address])
    for number, address in enumerate(
        ("127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254", "::ffff:127.0.0.1")
    ):
        yield server.says(f"first-{number}.example", [address, public])
        yield server.says(f"last-{number}.example", [public, address])
        yield server.says(f"among-{number}.example", [public, public, public, address, public])
        target = server.says(f"target-{number}.example", [address])
        for length in range(1, 6):
            for step in range(length):
                server.says(f"step-{step}-{length}-{number}.example", Alias(target))
                target = f"step-{step}-{length}-{number}.example"
            yield target
        # Public when somebody looks, and inside when somebody comes.
        yield server.says(f"rebound-{number}.example", [public], [address])
        yield server.says(f"rebound-alias-{number}.example", [public], Alias(f"target-{number}.example"))
    yield server.says("to-localhost.example", Alias(server.says("localhost", ["127.0.0.1", "::1"])))
    yield server.says("circle.example", Alias("circle.example"))
    yield server.says("nothing.example", [])
    yield server.says("dotted.example", ["127.0.0.1"]) + "."
    yield server.says("2130706433.example", ["127.0.0.1"])
