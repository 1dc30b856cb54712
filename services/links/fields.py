"""What the fields of a link may hold."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from services.links import slugs
from shared import destinations, passwords
from shared.contracts.link_fields import Metadata
from shared.contracts.links import CreateLink, ExportLinks, SearchLinks, UpdateLink, UpsertLink
from shared.destinations import OwnHosts
from shared.faults import Code, Detail, Fault

TITLE_LENGTH = 255
DESCRIPTION_LENGTH = 500
TAGS = 50
TAG_LENGTH = 50
METADATA_KEYS = 50
METADATA_BYTES = 8_192
LAST_POSITION = 1_000_000
MOST_CLICKS = 2**53 - 1  # the largest integer that every JSON reader takes exactly

EXTERNAL_ID_LENGTH = 255
SEARCH_LENGTH = 200

Q = TypeVar("Q", CreateLink, UpdateLink, UpsertLink)
F = TypeVar("F", SearchLinks, ExportLinks)


def checked(ask: Q, own: OwnHosts, now: datetime) -> Q:
    """The question with its addresses in canonical form; else one fault that names every field that is wrong."""
    checks: dict[str, Callable[[Any], object]] = {
        "domain": lambda name: _domain(name, own),
        "destination_url": lambda url: destinations.check(url, own, field="destination_url"),
        "slug": slugs.check,
        "title": title,
        "description": _description,
        "thumbnail": lambda url: destinations.check_web_url(url, field="thumbnail"),
        "position": _position,
        "tags": _tags,
        "metadata": _metadata,
        "expires_at": lambda at: _expires_at(at, now),
        "expired_url": lambda url: destinations.check(url, own, field="expired_url"),
        "password": _password,
        "max_clicks": _max_clicks,
        "external_id": external_id,
    }
    values: dict[str, Any] = {}
    faults = []
    for field, check in checks.items():
        value = getattr(ask, field, UNSET)
        if value is None or value is UNSET:
            continue
        try:
            values[field] = check(value)
        except Fault as fault:
            faults.append(fault)
    if faults:
        raise _together(faults)
    return msgspec.structs.replace(ask, **values)


def filtered(ask: F, own: OwnHosts) -> F:
    """The question with its domain as links know theirs."""
    if ask.search is not None and (not 1 <= len(ask.search) <= SEARCH_LENGTH or _has_control(ask.search)):
        message = f"What is searched for has 1 to {SEARCH_LENGTH} characters on one line"
        raise Fault(Code.INVALID, message, field="search")
    if ask.tag is not None:
        _tags((ask.tag,), field="tag")
    if not ask.domain:
        return ask
    return msgspec.structs.replace(ask, domain=destinations.link_domain(ask.domain, own, field="domain"))


def _together(faults: list[Fault]) -> Fault:
    """What is ill-formed weighs more than what is impossible, and speaks first."""
    faults.sort(key=lambda fault: fault.code is not Code.INVALID)
    details: tuple[Detail, ...] = sum((fault.details for fault in faults), ())
    return Fault(faults[0].code, faults[0].message, details=details)


def no_domain() -> Fault:
    message = "There is no such domain in this workspace, or it is not verified"
    return Fault(Code.IMPOSSIBLE, message, field="domain")


def _domain(name: str, own: OwnHosts) -> str:
    if not name:
        return name
    domain = destinations.link_domain(name, own, field="domain")
    if not domain:
        raise no_domain()
    return domain


def title(text: str) -> str:
    if len(text) > TITLE_LENGTH or _has_control(text):
        raise Fault(Code.INVALID, f"A title has at most {TITLE_LENGTH} characters on one line", field="title")
    return text


def _description(text: str) -> str:
    if len(text) > DESCRIPTION_LENGTH or _has_control(text.replace("\n", "")):
        message = f"A description has at most {DESCRIPTION_LENGTH} characters and no control characters"
        raise Fault(Code.INVALID, message, field="description")
    return text


def _position(position: int) -> int:
    if not 0 <= position <= LAST_POSITION:
        raise Fault(Code.INVALID, f"A position is between 0 and {LAST_POSITION:,}", field="position")
    return position


def _tags(tags: tuple[str, ...], field: str = "tags") -> tuple[str, ...]:
    if len(tags) > TAGS:
        raise Fault(Code.INVALID, f"A link has at most {TAGS} tags", field=field)
    if any(not 1 <= len(tag) <= TAG_LENGTH or _has_control(tag) for tag in tags):
        raise Fault(Code.INVALID, f"A tag has 1 to {TAG_LENGTH} characters on one line", field=field)
    if len(set(tags)) < len(tags):
        raise Fault(Code.INVALID, "A link has each tag once", field="tags")
    return tags


def _metadata(metadata: Metadata) -> Metadata:
    if len(metadata) > METADATA_KEYS:
        raise Fault(Code.INVALID, f"Metadata has at most {METADATA_KEYS} keys", field="metadata")
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES:
        raise Fault(Code.INVALID, f"Metadata has at most {METADATA_BYTES:,} bytes as JSON", field="metadata")
    return metadata


def _expires_at(at: datetime, now: datetime) -> datetime:
    if at.tzinfo is None:
        raise Fault(Code.INVALID, "The time of expiry needs a time zone, for example Z", field="expires_at")
    if at <= now:
        raise Fault(Code.IMPOSSIBLE, "The time of expiry is in the past", field="expires_at")
    return at


def _password(password: str) -> str:
    # A form sends one line, so with anything else in it nobody could ever open the link.
    if _has_control(password):
        raise Fault(Code.INVALID, "A password has no control characters", field="password")
    return passwords.check(password, shortest=1)


def _max_clicks(clicks: int) -> int:
    if not 1 <= clicks <= MOST_CLICKS:
        raise Fault(Code.INVALID, f"The limit of clicks is between 1 and {MOST_CLICKS:,}", field="max_clicks")
    return clicks


def external_id(text: str) -> str:
    if not 1 <= len(text) <= EXTERNAL_ID_LENGTH or _has_control(text):
        message = f"An external id has 1 to {EXTERNAL_ID_LENGTH} characters on one line"
        raise Fault(Code.INVALID, message, field="external_id")
    return text


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text)
