"""Identifiers: UUIDv7 (time-ordered) written in 22 characters of base62. Bare inside; dialects add their prefix."""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22  # 62 ** 22 > 2 ** 128; ASCII order of the text is the order of the number
# Two digits at a time, because dividing is what takes the time.
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE = re.compile(r"[0-9A-Za-z]{22}")


def new(now: float | None = None) -> str:
    """A new id; ids made in later milliseconds sort after this one. ``now`` is in Unix seconds."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    random = secrets.randbits(74)
    number = (milliseconds << 80) | (0x7 << 76) | ((random >> 62) << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))
    return base62(number, LENGTH)


def first_of(milliseconds: int) -> str:
    """The least id that can be made in a millisecond, counted from 1970: earlier ones sort before it."""
    return base62(milliseconds << 80, LENGTH)


def time_of(made: str) -> datetime:
    """When an id was made, to the millisecond; `OverflowError` when it has the shape of one, but no such time."""
    number = 0
    for digit in made:
        number = number * 62 + ALPHABET.index(digit)
    return _EPOCH + timedelta(milliseconds=number >> 80)


def valid(text: str) -> bool:
    """Does ``text`` have the shape of an id? Says nothing of whether it exists."""
    return _SHAPE.fullmatch(text) is not None


def base62(number: int, length: int) -> str:
    """``number`` in exactly ``length`` base62 digits, zero-padded; higher digits are cut."""
    pairs = []
    for _ in range((length + 1) // 2):
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs)[-length:] if length else ""
