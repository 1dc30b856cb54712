"""How one visit lies in a journal file: the length of its payload, the payload's CRC-32, the payload.

Both numbers take four bytes, little-endian; the payload is one msgpack `Visit`. A frame is written by one system call,
so only the last frame of a file can be torn.
"""

import struct
from enum import Enum
from typing import NamedTuple
from zlib import crc32

# A part of the format rather than a setting: a length above it can only be damage, whoever wrote the file.
LARGEST_PAYLOAD = 65_536  # bytes
_HEADER = struct.Struct("<II")
LARGEST_FRAME = _HEADER.size + LARGEST_PAYLOAD

_pack = _HEADER.pack
_unpack = _HEADER.unpack_from


class Ending(Enum):
    """What a reader found behind the last good frame."""

    CLEAN = "clean"  # nothing, or a frame that was not wanted any more
    CUT = "cut"  # the beginning of a frame
    DAMAGE = "damage"  # bytes that are no frame


class Frames(NamedTuple):
    """The good frames at the beginning of some bytes."""

    payloads: list[memoryview]
    length: int  # bytes, headers included
    ending: Ending


def seal(payload: bytes) -> bytes:
    """The frame of a payload of 1 to `LARGEST_PAYLOAD` bytes."""
    return _pack(len(payload), crc32(payload)) + payload


def walk(data: bytes, most: int) -> Frames:
    """Up to ``most`` frames from the beginning of ``data``; the payloads are views into it."""
    view = memoryview(data)
    payloads: list[memoryview] = []
    at, size = 0, len(data)
    while at < size and len(payloads) < most:
        body = at + _HEADER.size
        if body > size:
            return Frames(payloads, at, Ending.CUT)
        length, checksum = _unpack(data, at)
        # Zeros have a matching checksum, but no frame is empty.
        if not 0 < length <= LARGEST_PAYLOAD:
            return Frames(payloads, at, Ending.DAMAGE)
        if body + length > size:
            return Frames(payloads, at, Ending.CUT)
        payload = view[body : body + length]
        if crc32(payload) != checksum:
            return Frames(payloads, at, Ending.DAMAGE)
        payloads.append(payload)
        at = body + length
    return Frames(payloads, at, Ending.CLEAN)
