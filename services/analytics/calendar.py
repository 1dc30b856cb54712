"""Days and hours in UTC, as numbers since 1970 while there are many of them."""

from datetime import date
from functools import lru_cache

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_EPOCH = date(1970, 1, 1).toordinal()


# Asked for at every row, and nearly always the same.
@lru_cache(64)
def date_of(day: int) -> date:
    return date.fromordinal(_EPOCH + day)


def number_of(day: date) -> int:
    return day.toordinal() - _EPOCH
