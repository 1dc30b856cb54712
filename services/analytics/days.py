"""The days of a report."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from shared.contracts.analytics import Interval
from shared.faults import Code, Fault


def check(first: date, last: date, most: int) -> None:
    """INVALID when the days from ``first`` to ``last``, both included, are none or more than ``most``."""
    if first > last:
        raise Fault(Code.INVALID, "The first day is after the last", field="first")
    if (last - first).days >= most:
        raise Fault(Code.INVALID, f"A report covers {most} days at most", field="first")


def between(first: date, last: date) -> Iterator[date]:
    """Every day from ``first`` to ``last``, both included."""
    return (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))


def covered(start: datetime, end: datetime, interval: Interval, most: int) -> tuple[date, date]:
    """The first and the last day of a report from ``start`` to ``end``; IMPOSSIBLE when there can be none.

    ``most``: how many days a report by this interval may cover.
    """
    if end < start:
        raise Fault(Code.IMPOSSIBLE, "The end is before the start", field="end")
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    if (last - first).days >= most:
        raise Fault(Code.IMPOSSIBLE, f"A report by {interval} covers {most} days at most", field="start")
    return first, last
