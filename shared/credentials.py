"""How an API key is spelled. A mistyped or invented one is recognised without a look-up, by its own checksum.

``ezx_`` + 64 hexadecimal digits: 56 random ones, then the CRC-32 of everything before as 8.
``lzly_live_`` or ``lzly_test_`` + 32 base62 digits: 26 random ones, then the CRC-32 of everything before as 6.
"""

import hashlib
import re
import secrets
import zlib

from shared.contracts.keys import Style
from shared.contracts.modes import Mode
from shared.ids import ALPHABET, base62

_EZX = re.compile(r"ezx_[0-9a-f]{64}")
_LZLY = re.compile(r"lzly_(?:live|test)_[0-9A-Za-z]{32}")
_EZX_CHECK, _LZLY_CHECK = 8, 6
_VISIBLE = 4  # random characters of a key that may be shown, so that people can tell their keys apart


def mint(style: Style, mode: Mode) -> str:
    """A new key from a secure source: 224 random bits (ezx) or 154 (lzly). Only lzly spells its mode out."""
    if style is Style.EZX:
        body = "ezx_" + secrets.token_hex(28)
        return body + _hex_check(body)
    body = f"lzly_{mode}_" + "".join(secrets.choice(ALPHABET) for _ in range(26))
    return body + _base62_check(body)


def parse(text: str) -> Style | None:
    """The style of a well-formed key; None when the shape or the checksum is wrong. Says nothing of validity."""
    if _EZX.fullmatch(text):
        return Style.EZX if _hex_check(text[:-_EZX_CHECK]) == text[-_EZX_CHECK:] else None
    if _LZLY.fullmatch(text):
        return Style.LZLY if _base62_check(text[:-_LZLY_CHECK]) == text[-_LZLY_CHECK:] else None
    return None


def digest(text: str) -> bytes:
    """What is kept of a key: its SHA-256, 32 bytes. Keys are random enough that a slow hash would add nothing."""
    return hashlib.sha256(text.encode()).digest()


def prefix(text: str) -> str:
    """The beginning of a key that may be shown: ``ezx_1a2b`` or ``lzly_live_aB3d``."""
    return text[: text.rindex("_") + 1 + _VISIBLE]


def last_four(text: str) -> str:
    return text[-4:]


def _hex_check(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _base62_check(body: str) -> str:
    return base62(zlib.crc32(body.encode()), _LZLY_CHECK)
