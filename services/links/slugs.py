"""The short codes that links are reached by."""

import re
import secrets

from shared import reserved
from shared.faults import Code, Fault
from shared.ids import base62

LENGTH = 7  # 62 ** 7 is 3.5 million million
_SLUGS = 62**LENGTH
_SHAPE = re.compile(r"[A-Za-z0-9_-]{3,50}")


def check(slug: str) -> str:
    """The slug itself; INVALID when it is ill-formed, IMPOSSIBLE when the word belongs to the gateway."""
    if not valid(slug):
        raise Fault(Code.INVALID, "A short code has 3 to 50 of A-Z, a-z, 0-9, hyphen and underscore", field="slug")
    if reserved.is_reserved(slug):
        raise Fault(Code.IMPOSSIBLE, f"The short code {slug!r} is reserved", field="slug")
    return slug


def valid(text: str) -> bool:
    """Could ``text`` be a slug at all? Says nothing of whether there is such a link."""
    return _SHAPE.fullmatch(text) is not None


def generate() -> str:
    """Seven characters that nobody can guess, and never a reserved word."""
    while True:
        slug = base62(secrets.randbelow(_SLUGS), LENGTH)
        if not reserved.is_reserved(slug):
            return slug
