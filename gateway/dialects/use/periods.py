"""The time that a report is about, as callers write it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from shared.faults import Code, Fault

DAYS = 30

Moment = Annotated[
    str,
    Meta(
        description="ISO 8601 date or date-time, in UTC unless it names a zone. "
        "Reports cover whole days in UTC, so the day in which a moment lies is counted from end to end.",
        examples=["2026-01-31"],
    ),
]


def read(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """From when to when, in UTC; by default the last 30 days with today. INVALID names what is no time."""
    until = now if end is None else _moment(end, "end_date")
    if start is not None:
        return _moment(start, "start_date"), until
    try:
        return until - timedelta(days=DAYS - 1), until
    except OverflowError:
        raise Fault(Code.INVALID, "There is no time so early", field="end_date") from None


def _moment(text: str, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        message = "An ISO 8601 date or date-time is needed, for example 2026-01-31 or 2026-01-31T09:00:00Z"
        raise Fault(Code.INVALID, message, field=field) from None
