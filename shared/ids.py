"""Identifiers: UUIDv7 (time-ordered) written in 22 characters of base62. Bare inside; dialects add their prefix."""

import re
import secrets
import time

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22  # 62 ** 22 > 2 ** 128; ASCII order of the text is the order of the number
# Two digits at a time, because dividing is what takes the time.
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
_SHAPE = re.compile(r"[0-9A-Za-z]{22}")


def new(now: float | None = None) -> str:
    """A new id; ids made in later milliseconds sort after this one. ``now`` is in Unix seconds."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    random = secrets.randbits(74)
    number = (milliseconds << 80) | (0x7 << 76) | ((random >> 62) << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))
    return base62(number, LENGTH)


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
