"""Six words for everything that can go wrong."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.dialect import Word
from shared.faults import Code, Fault

WORDS = {
    Code.INVALID: Word(400, "VALIDATION_ERROR"),
    Code.IMPOSSIBLE: Word(400, "VALIDATION_ERROR"),
    Code.CONFLICT: Word(400, "VALIDATION_ERROR"),
    Code.BUSY: Word(409, "VALIDATION_ERROR"),
    Code.TOO_LARGE: Word(413, "VALIDATION_ERROR"),
    Code.UNAUTHENTICATED: Word(401, "UNAUTHORIZED"),
    Code.FORBIDDEN: Word(403, "FORBIDDEN"),
    Code.NOT_FOUND: Word(404, "NOT_FOUND"),
    Code.METHOD: Word(405, "NOT_FOUND"),
    Code.LIMITED: Word(429, "RATE_LIMIT_EXCEEDED"),
    Code.UNAVAILABLE: Word(503, "INTERNAL_ERROR"),
    Code.TIMEOUT: Word(504, "INTERNAL_ERROR"),
    Code.INTERNAL: Word(500, "INTERNAL_ERROR"),
}

FIELD_NAMES = {
    "destination_url": "url",
    "slug": "shortCode",
    "active": "isActive",
    "position": "order",
}


class Complaint(msgspec.Struct, frozen=True):
    field: Annotated[str, Meta(description="By its name in the request.", examples=["limit"])]
    reason: Annotated[str, Meta(examples=["Expected `int`, got `str`"])]


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    code: Annotated[str, Meta(description="What kind of error it is, for programs.", examples=["VALIDATION_ERROR"])]
    message: Annotated[str, Meta(description="What went wrong, for people.", examples=["limit: Expected `int`"])]
    retry_after: Annotated[int | None, Meta(description="How long to wait, in seconds.")] = None
    details: Annotated[tuple[Complaint, ...], Meta(description="Every field that is wrong.")] = ()


class ErrorAnswer(msgspec.Struct, frozen=True):
    error: ErrorBody


def render(fault: Fault, word: Word, _path: str, _now: datetime) -> ErrorAnswer:
    details = tuple(Complaint(detail["field"], detail["message"]) for detail in fault.details)
    body = ErrorBody(code=word.name, message=fault.message, retry_after=fault.retry_after, details=details)
    return ErrorAnswer(body)
