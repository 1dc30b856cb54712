"""What every answer of a dialect has in common, as its documentation promises it."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from gateway.dialects.dialect import Dialect
from gateway.refusals import Refusal
from tests.client import Answer

RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


class Problem(msgspec.Struct, frozen=True):
    """An error, whatever the dialect calls its parts."""

    code: str
    message: str
    fields: list[str]


class _Detail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    reason: str


class _Complaint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    field: str
    message: str


class _Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    error: str
    message: str
    status_code: int
    timestamp: datetime
    path: str
    details: list[_Complaint]


class _V1(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    code: str
    message: str
    retry_after: int | None = None
    details: list[_Detail] = []


def _v1(body: bytes) -> Problem:
    error = msgspec.json.decode(body, type=dict[str, _V1])["error"]
    return Problem(error.code, error.message, [detail.field for detail in error.details])


def _use(body: bytes) -> Problem:
    error = msgspec.json.decode(body, type=_Use)
    return Problem(error.error, error.message, [detail.field for detail in error.details])


READERS: dict[str, Callable[[bytes], Problem]] = {"v1": _v1, "use": _use}


def problem(dialect: Dialect, answer: Answer) -> Problem:
    """The error in ``answer``; fails unless it has the dialect's shape and one of its words."""
    assert answer.headers["Content-Type"] == "application/json"
    read = READERS[dialect.name](answer.body)
    words = (*dialect.words.values(), *(refusal.word(dialect) for refusal in Refusal))
    assert (answer.status, read.code) in {(word.status, word.name) for word in words}, answer.body
    assert read.message
    return read
