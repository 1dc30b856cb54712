"""One body for every error, and ten words for what can go wrong."""

from datetime import datetime

import msgspec

from gateway.dialects.dialect import Word
from gateway.wire import moment
from shared.faults import Code, Fault

WORDS = {
    Code.INVALID: Word(400, "ValidationError"),
    Code.IMPOSSIBLE: Word(422, "UnprocessableEntity"),
    Code.CONFLICT: Word(409, "Conflict"),
    Code.TOO_LARGE: Word(413, "PayloadTooLarge"),
    Code.UNAUTHENTICATED: Word(401, "Unauthorized"),
    Code.FORBIDDEN: Word(403, "Forbidden"),
    Code.NOT_FOUND: Word(404, "NotFound"),
    Code.METHOD: Word(405, "NotFound"),
    Code.LIMITED: Word(429, "RateLimitExceeded"),
    Code.UNAVAILABLE: Word(503, "ServiceUnavailable"),
    Code.TIMEOUT: Word(504, "ServiceUnavailable"),
    Code.INTERNAL: Word(500, "InternalError"),
}

FIELD_NAMES = {
    "slug": "customSlug",
    "start": "startDate",
    "end": "endDate",
}


class Complaint(msgspec.Struct, frozen=True):
    field: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    error: str
    message: str
    status_code: int
    timestamp: str
    path: str
    details: tuple[Complaint, ...]


def render(fault: Fault, word: Word, path: str, now: datetime) -> ErrorBody:
    return ErrorBody(
        error=word.name,
        message=fault.message,
        status_code=word.status,
        timestamp=moment(now),
        path=path,
        details=tuple(Complaint(detail["field"], detail["message"]) for detail in fault.details),
    )
