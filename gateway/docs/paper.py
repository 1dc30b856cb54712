"""What stays the same as long as a gateway runs: made once, sent short to whoever can read that, or not at all to
whoever has it already."""

import gzip
from hashlib import sha256

import msgspec
from starlette.types import Scope

from gateway.pages.page import Header, Page
from gateway.wire import header


class Paper(msgspec.Struct, frozen=True):
    headers: tuple[Header, ...]
    body: bytes
    gzipped: bytes
    tag: str


def paper(kind: str, body: bytes, more: tuple[Header, ...] = ()) -> Paper:
    """``kind`` is the content type; ``more`` are headers besides the usual ones."""
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    headers = (
        (b"content-type", kind.encode()),
        (b"cache-control", b"no-cache"),
        (b"etag", tag.encode()),
        (b"vary", b"accept-encoding"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        *more,
    )
    return Paper(headers, body, gzip.compress(body, mtime=0), tag)


def sent(found: Paper, scope: Scope) -> Page:
    if found.tag in (header(scope, b"if-none-match") or ""):
        return Page(status=304, headers=found.headers, body=b"")
    if "gzip" in (header(scope, b"accept-encoding") or ""):
        return _page(found, found.gzipped, (b"content-encoding", b"gzip"))
    return _page(found, found.body)


def _page(found: Paper, body: bytes, *more: Header) -> Page:
    length = (b"content-length", b"%d" % len(body))
    return Page(status=200, headers=(*found.headers, length, *more), body=body)
