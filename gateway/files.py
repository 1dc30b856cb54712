"""Answers that are no JSON, and that a client may keep and ask about again."""

import hashlib

import msgspec
from starlette.types import Scope

from gateway.wire import header


class File(msgspec.Struct, frozen=True, kw_only=True):
    """``data``: None when the client has it already, which is said with status 304."""

    media_type: str
    etag: str
    data: bytes | None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        # It is kept by its reader alone, and asked about each time: what it shows can change at any moment.
        kept = [(b"etag", self.etag.encode()), (b"cache-control", b"private, no-cache")]
        if self.data is None:
            return kept
        return [
            (b"content-type", self.media_type.encode()),
            (b"content-length", b"%d" % len(self.data)),
            (b"x-content-type-options", b"nosniff"),
            *kept,
        ]


def etag_of(*facts: object) -> str:
    """The same for a file that is made of the same facts."""
    return f'"{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"'


def is_known(scope: Scope, etag: str) -> bool:
    """Does the client say that it has the file with this tag?"""
    known = header(scope, b"if-none-match")
    return known is not None and (
        known.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in known.split(","))
    )
