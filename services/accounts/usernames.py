"""What a user may be called, and how an email address looks."""

import re

from shared.faults import Code, Fault

SHAPE = re.compile(r"[a-z0-9][a-z0-9_-]{2,29}")
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")

# Names that visitors would take for the house itself.
RESERVED = frozenset({"admin", "api", "help", "root", "security", "support", "system", "waypost", "www"})


def possible(username: str) -> bool:
    """Could anybody have this name?"""
    return SHAPE.fullmatch(username.lower()) is not None


def check(username: str) -> str:
    """The name in the form in which it is kept; INVALID or IMPOSSIBLE with the field when it cannot be one."""
    name = username.lower()
    if not SHAPE.fullmatch(name):
        raise Fault(
            Code.INVALID,
            "A username has 3 to 30 of a-z, 0-9, hyphen and underscore, and begins with a letter or digit",
            field="username",
        )
    if name in RESERVED:
        raise Fault(Code.IMPOSSIBLE, f"The username {name!r} is reserved", field="username")
    return name


def check_email(email: str) -> str:
    if not EMAIL.fullmatch(email):
        raise Fault(Code.INVALID, "This is not an email address", field="email")
    return email
