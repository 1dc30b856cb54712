"""What is counted of the clicks of one day: of a link, or of a workspace.

All dimensions are one value in one row. A row for every value of every dimension would cost several times as much to
write, and nobody asks for a single value.

Numbers of clicks, hours and visitors are exact, and so is the sum of each dimension. Which values a long tail has is
not: a day tells apart the first `values_per_day` of each dimension, and once it is over only the most frequent
`values_per_past_day`, with their equals. Everything else is in one sum, which reports call "Other".
"""

from collections import Counter

import msgspec

from services.analytics.calendar import HOUR_MS
from services.analytics.enrichment import UNKNOWN, Facts
from services.analytics.enrichment.referrers import DIRECT
from shared.contracts.analytics import Visit

FEW = 8  # clicks

REST = ""  # where all values are counted that are not told apart

# In the order in which they are stored: new ones go to the end. What is absent is not stored but follows from the
# number of clicks, and most clicks have no campaign.
ABSENT = {
    "place": UNKNOWN,
    "device": UNKNOWN,
    "os": UNKNOWN,
    "browser": UNKNOWN,
    "referrer": DIRECT,
    "language": UNKNOWN,
    "utm_source": UNKNOWN,
    "utm_medium": UNKNOWN,
    "utm_campaign": UNKNOWN,
    "utm_term": UNKNOWN,
    "utm_content": UNKNOWN,
}
DIMENSIONS = tuple(ABSENT)
_ABSENT = tuple(ABSENT.values())

# One click of a person: the hour, then the values in the order of `DIMENSIONS`.
Click = tuple[int, str, str, str, str, str, str, str, str, str, str, str]


class Hour(msgspec.Struct, array_like=True):
    clicks: int = 0
    uniques: int = 0  # visitors whose first click of the day was in this hour


class Details(msgspec.Struct, array_like=True):
    hours: dict[int, Hour] = {}
    values: list[dict[str, int]] = []  # clicks by value, a dictionary for each of `DIMENSIONS`


class Tally:
    """Counts of one link, or workspace, and day, to be added to what is stored. Bots are in `bots` and nowhere else."""

    __slots__ = ("bots", "bounces", "clicks", "entries", "took_us", "uniques")

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.bots = 0
        self.took_us = 0
        self.uniques: list[int] = []  # the hour in which each of them came
        self.entries = 0
        self.bounces = 0

    def add_clicks(self, other: "Tally") -> None:
        """All but the visitors: somebody who was at two links is one visitor of the workspace."""
        self.clicks += other.clicks
        self.bots += other.bots
        self.took_us += other.took_us

    def add_visitors(self, other: "Tally") -> None:
        self.uniques += other.uniques
        self.entries += other.entries
        self.bounces += other.bounces


def click_of(visit: Visit, facts: Facts) -> Click:
    country, region = visit.country, visit.region
    return (
        visit.at // HOUR_MS % 24,
        region if region and region.startswith(f"{country}-") else country,
        facts.device,
        facts.os,
        facts.browser,
        facts.referrer,
        facts.language,
        facts.utm_source,
        facts.utm_medium,
        facts.utm_campaign,
        facts.utm_term,
        facts.utm_content,
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Details)


def read(stored: bytes) -> Details:
    """``stored`` may be empty, and may be from before a dimension was added."""
    details = _decoder.decode(stored) if stored else Details()
    details.values += [{} for _ in DIMENSIONS[len(details.values) :]]
    return details


def shorten(details: Details, most: int) -> bool:
    """Of each dimension, the values that came less often than the ``most``-th of them go to the rest.

    Equals stay, so a day with few clicks, where most values came once, loses none. True when anything has changed.
    """
    changed = False
    for values in details.values:
        if len(values) > most:
            changed |= _shorten(values, most)
    return changed


def write(details: Details) -> bytes:
    return _encoder.encode(details)


def merge(stored: bytes, tally: Tally, most: int) -> bytes:
    """What is to be stored now. Of each dimension ``most`` values are kept, those that came first."""
    if not tally.clicks and not tally.uniques:
        return stored
    details = read(stored)
    for hour in tally.uniques:
        details.hours.setdefault(hour, Hour()).uniques += 1
    if len(tally.clicks) <= FEW:
        # As most links have it; to count them first is what would take the time.
        for hour, *facts in tally.clicks:
            details.hours.setdefault(hour, Hour()).clicks += 1
            for values, value, absent in zip(details.values, facts, _ABSENT, strict=False):
                _add(values, value, 1, absent, most)
        return write(details)
    # Column by column, because a `Counter` counts a whole one in one call.
    hours, *columns = zip(*tally.clicks, strict=True)
    for hour, clicks in Counter(hours).items():
        details.hours.setdefault(hour, Hour()).clicks += clicks
    for values, column, absent in zip(details.values, columns, _ABSENT, strict=False):
        for value, clicks in Counter(column).items():
            _add(values, value, clicks, absent, most)
    return write(details)


def _shorten(values: dict[str, int], most: int) -> bool:
    numbers = sorted((number for value, number in values.items() if value != REST), reverse=True)
    if len(numbers) <= most or numbers[most - 1] == numbers[-1]:
        return False
    level = numbers[most - 1]
    rare = [value for value, number in values.items() if number < level and value != REST]
    values[REST] = values.get(REST, 0) + sum(values.pop(value) for value in rare)
    return True


def _add(values: dict[str, int], value: str, clicks: int, absent: str, most: int) -> None:
    if not value or value == absent:
        return
    if value in values:
        values[value] += clicks
    elif len(values) < most:
        values[value] = clicks
    else:
        values[REST] = values.get(REST, 0) + clicks
