"""Where a link may lead: one strict reading of a URL, whose result stands in a ``Location`` header as it is.

Browsers read addresses generously (``0x7f.1`` is 127.0.0.1, ``ＡＢＣ。com`` is abc.com), so a host is brought to the
form that a browser would bring it to before anything is decided about it.
"""

import ipaddress
import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote

import idna
import msgspec

from shared.faults import Code, Fault
from shared.settings import Settings, SettingsError, variable

LONGEST = 2_048
LONGEST_HOST = 253
# What proves whose a domain is stands below it, at a name that is longer by a label.
LONGEST_DOMAIN = 240
LOCALHOST = "localhost"

_PORTS = {"http": 80, "https": 443}
_LOCAL_NAMES = frozenset({LOCALHOST, "localhost.localdomain", "ip6-localhost", "ip6-loopback"})

# Without re.ASCII, ignoring case would take the long s (U+017F) for an s.
_URL = re.compile(r"(https?)://([^/?#]+)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@%]+)(?::([0-9]{0,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# No certificate is given for a name with an underscore.
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_NEVER = re.compile(r"[\x00-\x20\x7f\\]")
_LOCATION = re.compile(
    r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?(?:[/?#][!#-;=?-\[\]_a-z~]*)?", re.ASCII
)

# Control, invisible and surrogate characters, spaces and line separators.
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # invisible too, but Persian and Indic words are misspelt without them
# What stays as it is after the host, besides letters, digits and "-._~": all that RFC 3986 allows, and "%" with it.
_PLAIN = "%!#$&'()*+,/:;=?@[]"


class OwnHosts(msgspec.Struct, frozen=True):
    """The hosts that lead back here: a link to one of them could send visitors round in circles."""

    everywhere: frozenset[str] = frozenset()  # on any port
    on_port: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> "OwnHosts":
        """Raises `SettingsError` naming the variable that holds no host."""
        return _own_hosts(settings.public_url, settings.own_hosts)

    def hold(self, host: str, port: int) -> bool:
        name = _home_name(host)
        return name in self.everywhere or (name, port) in self.on_port

    def name(self, host: str) -> bool:
        """Whether it is one of them, on whatever port."""
        name = _home_name(host)
        return name in self.everywhere or any(name == own for own, _ in self.on_port)


class _Url(msgspec.Struct, frozen=True):
    scheme: str
    host: str
    port: int | None
    rest: str

    @property
    def any_port(self) -> int:
        return self.port or _PORTS[self.scheme]

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.rest}"


def check(url: str, own: OwnHosts, *, field: str = "destination_url") -> str:
    """The URL in ASCII, its host in canonical form; one that is so already comes back unchanged.

    INVALID when it is not an http or https address, IMPOSSIBLE when it leads to one of our own hosts.
    """
    read = _checked(url, field)
    if own.hold(read.host, read.any_port):
        raise Fault(Code.IMPOSSIBLE, "The address leads back to this service itself", field=field)
    return str(read)


def check_web_url(url: str, *, field: str) -> str:
    """The same for addresses that nobody is redirected to: images, websites. Our own hosts may be among them."""
    return str(_checked(url, field))


def check_domain(text: str, own: OwnHosts, *, field: str) -> str:
    """A name of the DNS that could be a host of somebody's links: in punycode and lower case, without a dot at its end.

    INVALID when it is no such name, IMPOSSIBLE when it is one of our own hosts.
    """
    name = domain_name(text, field=field)
    if own.name(name):
        raise Fault(Code.IMPOSSIBLE, "This is a host of this service itself", field=field)
    return name


def link_domain(text: str, own: OwnHosts, *, field: str) -> str:
    """The same as links know it: a host of ours has no name there, and is empty."""
    name = domain_name(text, field=field)
    return "" if own.name(name) else name


def domain_name(text: str, *, field: str) -> str:
    """The same, whether or not it is one of our own hosts."""
    try:
        name = _host(text).removesuffix(".")
    except ValueError:
        name = ""
    if not _DOMAIN.fullmatch(name) or len(name) > LONGEST_DOMAIN or is_local(name):
        raise Fault(Code.INVALID, "A domain is a host name with a dot in it, such as links.example.com", field=field)
    return name


def host_of(url: str) -> str:
    """The host of a URL that `check` has let through, without a dot at its end."""
    parts = _URL.fullmatch(url)
    authority = _AUTHORITY.fullmatch(parts[2]) if parts else None
    return authority[1].removesuffix(".") if authority else ""


def is_safe_location(url: str) -> bool:
    """May this stand in a ``Location`` header? A quick look at what `check` has let through at some time before."""
    return _LOCATION.fullmatch(url) is not None


def _checked(url: str, field: str) -> _Url:
    try:
        return _read(url)
    except ValueError as refusal:
        raise Fault(Code.INVALID, str(refusal), field=field) from None


def _read(url: str) -> _Url:
    """ValueError with the reason, fit for the caller's eyes."""
    if len(url) > LONGEST:
        raise ValueError(f"An address has at most {LONGEST:,} characters")
    if _NEVER.search(url) or not (url.isascii() or all(map(_wanted, url))):
        raise ValueError("An address holds no spaces, backslashes, control or invisible characters")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("An address begins with http:// or https:// and a host")
    scheme, authority, rest = parts.groups()
    host, port = _host_and_port(authority)
    read = _Url(scheme.lower(), host, port, quote(rest, safe=_PLAIN))
    if len(str(read)) > LONGEST:
        raise ValueError(f"An address has at most {LONGEST:,} characters when it is percent-encoded")
    return read


def _wanted(character: str) -> bool:
    return unicodedata.category(character) not in _UNWANTED or character in _JOINERS


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise ValueError("An address holds no user name or password")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("The host or the port of the address is not valid")
    host, port = _host(parts[1]), parts[2]
    if not port:
        return host, None
    if not 1 <= int(port) <= 65_535:
        raise ValueError("The port of an address is between 1 and 65535")
    return host, int(port)


# Many links lead to the same few hosts, and to read a name takes longer than all the rest of its address.
@lru_cache(maxsize=4096)
def _host(text: str) -> str:
    """A DNS name in punycode, an IPv4 address in dotted decimal, or an IPv6 address in brackets."""
    try:
        if text.startswith("["):
            return _ipv6(text[1:-1])
        if len(text) > LONGEST_HOST + 1:
            raise ValueError("longer than DNS allows")
        name = text.lower() if text.isascii() else idna.uts46_remap(text, std3_rules=False)
        labels = name.removesuffix(".").split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return _ipv4(labels)
        host = ".".join(map(_label, labels))
        if len(host) > LONGEST_HOST:
            raise ValueError("longer than DNS allows")
        return f"{host}." if name.endswith(".") else host
    except ValueError as error:  # idna and ipaddress have children of it
        raise ValueError("The host of the address is not valid") from error


def _label(label: str) -> str:
    """Plain names may hold what DNS allows, underscores too; all others have to be names by IDNA 2008."""
    if _LABEL.fullmatch(label) and not label.startswith("xn--"):
        return label
    encoded = idna.alabel(label).decode("ascii")
    if not _LABEL.fullmatch(encoded):
        raise ValueError("not a label")
    return encoded


def _ipv4(labels: list[str]) -> str:
    """Any of the spellings that browsers take: ``127.1``, ``2130706433``, ``0x7f.0.0.1``, ``0177.0.0.1``."""
    *leading, last = map(_number, labels)
    if len(leading) > 3 or any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        raise ValueError("not an IPv4 address")
    return str(ipaddress.IPv4Address(last + sum(number << (24 - 8 * place) for place, number in enumerate(leading))))


def _number(label: str) -> int:
    if not _NUMBER.fullmatch(label):
        raise ValueError("not a number")
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _ipv6(text: str) -> str:
    address = ipaddress.IPv6Address(text)
    # The same machine under its shorter name, so that nobody has to know both.
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"


@lru_cache(maxsize=4096)
def _home_name(host: str) -> str:
    """One name for all that is the same host: no dot at the end, and one word for the whole loopback."""
    name = host.removesuffix(".")
    return LOCALHOST if _is_loopback(name) else name


def is_local(name: str) -> bool:
    """An IPv4 address in whatever spelling, or a name of the machine itself: nothing that the DNS tells of."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    if name in _LOCAL_NAMES or name.endswith(f".{LOCALHOST}"):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@lru_cache(maxsize=16)
def _own_hosts(public_url: str, further: tuple[str, ...]) -> OwnHosts:
    try:
        public = _read(public_url)
    except ValueError as error:
        raise SettingsError(f"{variable('public_url')}: {error}") from None
    everywhere, on_port = set(), set()
    name = _home_name(public.host)
    if name == LOCALHOST:
        # Everything on a laptop is on the loopback; only the gateway's own port leads in circles.
        on_port.add((name, public.any_port))
    else:
        everywhere.add(name)
    for entry in further:
        try:
            host, port = _host_and_port(entry)
        except ValueError as error:
            raise SettingsError(f"{variable('own_hosts')}: {entry!r}: {error}") from None
        if port is None:
            everywhere.add(_home_name(host))
        else:
            on_port.add((_home_name(host), port))
    return OwnHosts(frozenset(everywhere), frozenset(on_port))
