"""What the fields of an endpoint may hold."""

import re
import unicodedata

from msgspec.structs import replace

from shared import destinations, ids
from shared.contracts.webhooks import EVERYTHING, Filter, Header, Topic
from shared.destinations import OwnHosts
from shared.faults import Code, Fault

DESCRIPTION_LENGTH = 500
FILTER_LINKS = 100
FILTER_TAGS = 50
FILTER_DOMAINS = 50
TAG_LENGTH = 50
HEADERS = 20
HEADER_NAME_LENGTH = 100
HEADER_VALUE_LENGTH = 1_000
PAGE_LENGTH = 100
LAST_OFFSET = 1_000_000_000

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?|")
# What says how the message is carried, and what we say ourselves.
_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "date",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    }
)
_OUR_FAMILIES = ("content-", "proxy-", "webhook-", "x-webhook-", "x-forwarded-")


def url(text: str, own: OwnHosts) -> str:
    """In its canonical form. Where it leads is looked at apart, since that takes a while."""
    return destinations.check(text, own, field="url")


def description(text: str) -> str:
    if len(text) > DESCRIPTION_LENGTH or _has_control(text.replace("\n", "")):
        message = f"A description has at most {DESCRIPTION_LENGTH} characters and no control characters"
        raise Fault(Code.INVALID, message, field="description")
    return text


def topics(named: tuple[str, ...]) -> tuple[str, ...]:
    """In the order of `Topic`."""
    if named == (EVERYTHING,):
        return named
    if not named or len(set(named)) < len(named):
        raise Fault(Code.INVALID, "An endpoint names each of its events once, and at least one", field="topics")
    if not set(named) <= set(Topic):
        message = f"An event is one of {', '.join(Topic)}; or there is {EVERYTHING} alone"
        raise Fault(Code.INVALID, message, field="topics")
    return tuple(topic.value for topic in Topic if topic in named)


def filter_of(given: Filter, own: OwnHosts) -> Filter:
    """Its domains as links know theirs, so that they can be compared."""
    _bounded(given.links, FILTER_LINKS, "filter.links")
    if not all(map(ids.valid, given.links)):
        raise Fault(Code.INVALID, "A link is named by its id", field="filter.links")
    _bounded(given.tags, FILTER_TAGS, "filter.tags")
    if any(not 1 <= len(tag) <= TAG_LENGTH or _has_control(tag) for tag in given.tags):
        raise Fault(Code.INVALID, f"A tag has 1 to {TAG_LENGTH} characters on one line", field="filter.tags")
    _bounded(given.domains, FILTER_DOMAINS, "filter.domains")
    domains = dict.fromkeys(
        name and destinations.link_domain(name, own, field="filter.domains") for name in given.domains
    )
    return replace(given, domains=tuple(domains))


def headers(given: tuple[Header, ...]) -> tuple[Header, ...]:
    if len(given) > HEADERS:
        raise Fault(Code.INVALID, f"An endpoint has at most {HEADERS} headers", field="headers")
    names = [header.name.lower() for header in given]
    if len(set(names)) < len(names):
        raise Fault(Code.INVALID, "A header is named once, upper and lower case alike", field="headers")
    for header, name in zip(given, names, strict=True):
        if len(name) > HEADER_NAME_LENGTH or not _TOKEN.fullmatch(name):
            message = f"A header's name has 1 to {HEADER_NAME_LENGTH} letters, digits and signs that HTTP allows"
            raise Fault(Code.INVALID, message, field="headers")
        if name in _OURS or name.startswith(_OUR_FAMILIES):
            raise Fault(Code.INVALID, f"The header {header.name!r} is not free to be set", field="headers")
        if len(header.value) > HEADER_VALUE_LENGTH or not _VALUE.fullmatch(header.value):
            message = f"A header's value has at most {HEADER_VALUE_LENGTH:,} visible ASCII characters and inner spaces"
            raise Fault(Code.INVALID, message, field="headers")
    return given


def check_page(limit: int, offset: int, last_offset: int = LAST_OFFSET) -> None:
    if not 1 <= limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} entries", field="limit")
    if not 0 <= offset <= last_offset:
        raise Fault(Code.INVALID, f"An offset is between 0 and {last_offset:,}", field="offset")


def _bounded(values: tuple[str, ...], most: int, field: str) -> None:
    if len(values) > most or len(set(values)) < len(values):
        raise Fault(Code.INVALID, f"A filter names at most {most}, each once", field=field)


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
