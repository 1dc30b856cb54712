"""A write that its caller may repeat: what it carries to the service that does it once, and what comes back."""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from shared.contracts.modes import Mode

A = TypeVar("A")


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """Travels beside the question. Who may use a key again is up to the workspace and mode of the caller."""

    workspace: str
    mode: Mode
    key: str  # the caller's own: 1–255 visible ASCII characters
    fingerprint: bytes  # SHA-256 of the request
    asked_at: datetime  # by the gateway's clock


class Kept(msgspec.Struct, frozen=True):
    """An answer that was given before: encoded, and when it was first asked for."""

    payload: bytes
    asked_at: datetime


class Done(msgspec.Struct, Generic[A], frozen=True):
    """The answer to a write; ``first_asked`` is set when all was done before, by an earlier request."""

    answer: A
    first_asked: datetime | None = None


def to_header(once: Once) -> str:
    return msgspec.json.encode(once).decode("ascii")


def from_header(text: str) -> Once:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(text, type=Once)
