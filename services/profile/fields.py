"""What the fields of a profile may hold. An empty text in an optional field is no text."""

import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from services.profile import looks
from shared import destinations
from shared.contracts.profile import Profile, UpdateProfile
from shared.faults import Code, Detail, Fault

NAME_LENGTH = 80
BIO_LENGTH = 500
LOCATION_LENGTH = 100
PRONOUNS_LENGTH = 40

OPTIONAL = ("bio", "avatar", "banner", "location", "website", "pronouns")


def checked(ask: UpdateProfile) -> UpdateProfile:
    """The question with its addresses in canonical form; else one fault that names every field that is wrong."""
    checks: dict[str, Callable[[str], str]] = {
        "name": _name,
        "bio": _bio,
        "avatar": lambda url: destinations.check_web_url(url, field="avatar"),
        "banner": lambda url: destinations.check_web_url(url, field="banner"),
        "theme": looks.check,
        "location": lambda text: _text(text, "location", LOCATION_LENGTH),
        "website": lambda url: destinations.check_web_url(url, field="website"),
        "pronouns": lambda text: _text(text, "pronouns", PRONOUNS_LENGTH),
    }
    values: dict[str, Any] = {}
    details: list[Detail] = []
    for field, check in checks.items():
        value = getattr(ask, field)
        if value is None or value is UNSET:
            continue
        try:
            values[field] = check(value) if value or field not in OPTIONAL else None
        except Fault as fault:
            details += fault.details
    if details:
        raise Fault(Code.INVALID, details[0]["message"], details=tuple(details))
    return msgspec.structs.replace(ask, **values)


def applied(profile: Profile, ask: UpdateProfile) -> Profile:
    """The profile as a checked question wants it."""
    given = {field: getattr(ask, field) for field in ("name", *OPTIONAL) if getattr(ask, field) is not UNSET}
    changed = msgspec.structs.replace(profile, **given)
    return changed if ask.theme is UNSET else looks.wear(changed, ask.theme)


def _name(name: str) -> str:
    if not name.strip():
        raise Fault(Code.INVALID, f"A name has 1 to {NAME_LENGTH} characters", field="name")
    return _text(name, "name", NAME_LENGTH)


def _bio(bio: str) -> str:
    _text(bio.replace("\n", " "), "bio", BIO_LENGTH)
    return bio


def _text(text: str, field: str, length: int) -> str:
    if len(text) > length:
        raise Fault(Code.INVALID, f"The {field} has at most {length} characters", field=field)
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise Fault(Code.INVALID, f"The {field} holds no control characters", field=field)
    return text
