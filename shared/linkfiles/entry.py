"""One link of a file, in our words; and what is said of a line that holds none."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from shared.contracts.link_fields import NewLink
from shared.encoding import encode

_ADDRESS_OF_SLUG = re.compile(r"(?:https?://)?[^/\s]+/([^/?#\s]+)/?")
_FORMULA = ("=", "+", "-", "@")
_SEPARATORS = ("|", ";", ",")
_YES = frozenset({"1", "true", "yes", "y", "t", "on"})
_NO = frozenset({"", "0", "false", "no", "n", "f", "off"})


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    line: int  # where it begins in the file, from 1; in a JSON document the number of the record
    link: NewLink  # not checked; its metadata also say where it comes from, how old it is and how often it was clicked


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    line: int
    message: str


class _Unfit(Exception):
    """Why a value cannot be taken."""


def entry_of(line: int, record: Mapping[str, object], source: str) -> Entry | Problem:
    """``record`` by our column names (`formats`); ``source`` is the name of the format."""
    try:
        entry = _entry(line, record, source)
        encode(entry.link)
    except _Unfit as reason:
        return Problem(line=line, message=str(reason))
    except (UnicodeEncodeError, OverflowError, RecursionError):
        # JSON can hold halves of characters, and numbers and depths without bounds.
        return Problem(line=line, message="The line holds what no link can: half a character, or a number too large")
    return entry


def _entry(line: int, record: Mapping[str, object], source: str) -> Entry:
    destination = _text(record.get("destination_url"))
    if not destination:
        raise _Unfit("There is no destination")
    if _flag(record.get("password"), otherwise=True):
        # Without its password the link would be open to everybody, which its owner did not want.
        raise _Unfit("The link is behind a password, which the file does not tell")
    link = NewLink(
        destination_url=destination,
        slug=_slug(record),
        title=_text(record.get("title")),
        description=_text(record.get("description")),
        thumbnail=_text(record.get("thumbnail")),
        tags=_tags(record.get("tags")),
        metadata=_metadata(record, source),
        expires_at=_moment(record.get("expires_at"), "time of expiry"),
        expired_url=_text(record.get("expired_url")),
        max_clicks=_number(record.get("max_clicks"), "limit of clicks"),
        active=not _flag(record.get("disabled")) and _flag(record.get("active"), absent=True),
        position=_number(record.get("position"), "position"),
        show_on_profile=_flag(record.get("show_on_profile"), absent=True),
        forward_query=_flag(record.get("forward_query")),
        archived=_flag(record.get("archived")),
        external_id=_text(record.get("external_id")),
    )
    return Entry(line=line, link=link)


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    # Whoever writes tables for spreadsheets marks so what is no formula.
    return (text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text) or None


def _slug(record: Mapping[str, object]) -> str | None:
    """The short code itself, or the end of a short link, a custom one before the one that was generated."""
    if slug := _text(record.get("slug")):
        return slug
    for column in ("custom_links", "short_link"):
        for address in _tags(record.get(column)):
            if found := _ADDRESS_OF_SLUG.fullmatch(address):
                return found[1]
    return None


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = _listed(value.strip())
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _Unfit("The tags are no list")
    names = [each.get("name") if isinstance(each, dict) else each for each in value]
    return tuple(dict.fromkeys(str(name).strip() for name in names if name is not None and str(name).strip()))


def _listed(text: str) -> object:
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            # Some write a list in the manner of their programming language.
            text = text.strip("[]").replace("'", "")
    for separator in _SEPARATORS:
        if separator in text:
            return text.split(separator)
    return [text]


def _metadata(record: Mapping[str, object], source: str) -> dict[str, object]:
    given = record.get("metadata")
    if isinstance(given, str) and given.strip():
        try:
            given = json.loads(given)
        except ValueError:
            raise _Unfit("The metadata is no JSON object") from None
    if given in (None, ""):
        given = {}
    if not isinstance(given, dict):
        raise _Unfit("The metadata is no JSON object")
    _check_numbers(given)
    imported: dict[str, object] = {"from": source}
    if created := _moment(record.get("created_at"), "time of creation", strict=False):
        imported["createdAt"] = created.isoformat().replace("+00:00", "Z")
    if clicks := _number(record.get("clicks"), "number of clicks", strict=False):
        imported["clicks"] = clicks
    return {**given, "imported": imported}


def _check_numbers(metadata: dict[str, object]) -> None:
    try:
        json.dumps(metadata, allow_nan=False)
    except ValueError:
        # What is too large for a float is read as infinite, and would be kept as null.
        raise OverflowError from None


def _moment(value: object, what: str, *, strict: bool = True) -> datetime | None:
    """In UTC when the file names no zone."""
    text = _text(value)
    if text is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        if not strict:
            return None
        raise _Unfit(f"The {what} {text[:40]!r} is no ISO 8601 date and time") from None
    return moment


def _number(value: object, what: str, *, strict: bool = True) -> int | None:
    text = _text(value)
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 18:
        if not strict:
            return None
        raise _Unfit(f"The {what} {text[:40]!r} is no whole number")
    return int(text)


def _flag(value: object, *, absent: bool = False, otherwise: bool | None = None) -> bool:
    """``otherwise`` is what a value means that is neither yes nor no; without it there is no such value."""
    if value is None or value == "":
        return absent
    word = str(value).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    if otherwise is None:
        raise _Unfit(f"{word[:40]!r} is neither true nor false")
    return otherwise
