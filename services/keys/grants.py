"""What somebody may ask for when they make a key: its name, its scopes, its limit and its lifetime."""

import unicodedata
from datetime import datetime, timedelta

from shared.contracts.keys import SCOPES
from shared.faults import Code, Fault

NAME_LONGEST = 100
DESCRIPTION_LONGEST = 500
LIMIT_MOST = 1_000_000
LIFETIME_LONGEST_SECONDS = 10 * 365 * 86_400.0


def check_name(name: str) -> str:
    if not name.strip() or len(name) > NAME_LONGEST:
        raise Fault(Code.INVALID, f"A key's name has 1 to {NAME_LONGEST} characters", field="name")
    if _has_control(name):
        raise Fault(Code.INVALID, "A key's name has no control characters", field="name")
    return name


def check_description(description: str) -> str:
    if len(description) > DESCRIPTION_LONGEST:
        raise Fault(
            Code.INVALID, f"A key's description has up to {DESCRIPTION_LONGEST} characters", field="description"
        )
    if _has_control(description.replace("\n", "")):
        raise Fault(Code.INVALID, "A key's description has no control characters but line breaks", field="description")
    return description


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes in the order of the closed list."""
    if not scopes:
        raise Fault(Code.INVALID, "A key has at least one scope", field="scopes")
    if len(set(scopes)) != len(scopes):
        raise Fault(Code.INVALID, "A scope is named once", field="scopes")
    if not set(scopes) <= set(SCOPES):
        raise Fault(Code.INVALID, f"A scope is one of: {', '.join(SCOPES)}", field="scopes")
    return tuple(scope for scope in SCOPES if scope in scopes)


def check_limit(limit: int | None) -> int | None:
    if limit is not None and not 1 <= limit <= LIMIT_MOST:
        raise Fault(Code.INVALID, f"A key's limit is from 1 to {LIMIT_MOST:,}", field="limit")
    return limit


def expiry(now: datetime, seconds: float | None) -> datetime | None:
    """When a key that lives for ``seconds`` from ``now`` on ends; None: never."""
    if seconds is None:
        return None
    if not 0 < seconds <= LIFETIME_LONGEST_SECONDS:
        raise Fault(Code.INVALID, "A key lives longer than no time, and at most ten years", field="expires_in_seconds")
    return now + timedelta(seconds=seconds)


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)
