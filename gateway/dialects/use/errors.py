"""One body for every error, and ten words for what can go wrong."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.dialect import Word
from gateway.wire import moment
from shared.faults import Code, Fault

WORDS = {
    Code.INVALID: Word(400, "ValidationError"),
    Code.IMPOSSIBLE: Word(422, "UnprocessableEntity"),
    Code.CONFLICT: Word(409, "Conflict"),
    Code.BUSY: Word(409, "Conflict"),
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
    "link": "linkId",
    "start": "startDate",
    "end": "endDate",
    "topics": "events",
    "topic": "event",
    "filter.links": "filter.linkIds",
    "offset": "page",
}


class Complaint(msgspec.Struct, frozen=True):
    field: Annotated[str, Meta(description="By its name in the request.", examples=["limit"])]
    message: Annotated[str, Meta(examples=["Expected `int`, got `str`"])]


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    error: Annotated[str, Meta(description="What kind of error it is, for programs.", examples=["ValidationError"])]
    message: Annotated[str, Meta(description="What went wrong, for people.", examples=["limit: Expected `int`"])]
    status_code: Annotated[int, Meta(description="The HTTP status of this answer.", examples=[400])]
    timestamp: Annotated[str, Meta(description="When it happened, in UTC.", examples=["2026-01-31T09:05:00.123Z"])]
    path: Annotated[str, Meta(description="The path of the request.", examples=["/api/use/links"])]
    details: Annotated[tuple[Complaint, ...], Meta(description="Every field that is wrong.")]


def render(fault: Fault, word: Word, path: str, now: datetime) -> ErrorBody:
    return ErrorBody(
        error=word.name,
        message=fault.message,
        status_code=word.status,
        timestamp=moment(now),
        path=path,
        details=tuple(Complaint(detail["field"], detail["message"]) for detail in fault.details),
    )
