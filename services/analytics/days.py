"""The days of a report."""

from collections.abc import Iterator
from datetime import date, timedelta

from shared.faults import Code, Fault

MOST = 400  # a year of days, and the weeks that stick out of it at both ends


def check(first: date, last: date) -> None:
    """INVALID when the days from ``first`` to ``last``, both included, cannot be reported on."""
    if first > last:
        raise Fault(Code.INVALID, "The first day is after the last", field="first")
    if (last - first).days >= MOST:
        raise Fault(Code.INVALID, f"A report covers {MOST} days at most", field="first")


def between(first: date, last: date) -> Iterator[date]:
    """Every day from ``first`` to ``last``, both included."""
    return (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
