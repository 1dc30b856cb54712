"""When a message is tried again."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Before each attempt, in seconds: the first is at once, the last about three days after it.
PAUSES = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
JITTER = 0.2


def pause(tries: int, dice: random.Random) -> timedelta | None:
    """How long to wait after so many failed attempts; None when that was the last one.

    Without dice, what has failed together would come again together, at the worst moment for a receiver that is back.
    """
    if tries >= len(PAUSES):
        return None
    return timedelta(seconds=PAUSES[tries] * dice.uniform(1 - JITTER, 1 + JITTER))


def retry_after(status: int, text: str | None, now: datetime, most: float) -> timedelta | None:
    """What a receiver that has too much to do asks for, in seconds or as a date; at most so many seconds."""
    if status not in (429, 503) or not text:
        return None
    seconds = _seconds(text.strip(), now)
    return timedelta(seconds=min(seconds, most)) if seconds is not None and seconds > 0 else None


def _seconds(text: str, now: datetime) -> float | None:
    if text.isascii() and text.isdigit():
        # More digits than any number of seconds that makes sense.
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
