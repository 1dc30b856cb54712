"""A report, from the roll-ups of its days."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

from services.analytics import days
from services.analytics.enrichment import UNKNOWN
from services.analytics.store_days import Counted
from services.analytics.tallies import ABSENT, DIMENSIONS, REST, Details, Hour
from shared.contracts.analytics import Breakdowns, Interval, Place, Point, Report, Share

TOP = 50
OTHER = "Other"

# A value, how many clicks had it, and their percentage of all.
Row = tuple[str, int, float]


def write(
    counted: Sequence[Counted], details: dict[date, Details], first: date, last: date, interval: Interval
) -> Report:
    """``details`` are those of the counted days."""
    clicks = sum(day.clicks for day in counted)
    uniques = sum(day.uniques for day in counted)
    bots = sum(day.bots for day in counted)
    took_us = sum(day.took_us for day in counted)
    entries = sum(day.entries for day in counted)
    bounces = sum(day.bounces for day in counted)
    series = _by_hour(details, first, last) if interval is Interval.HOUR else _by_day(counted, first, last, interval)
    return Report(
        first=first,
        last=last,
        clicks=clicks,
        uniques=uniques,
        bots=bots,
        bot_percentage=_percentage(bots, clicks + bots),
        response_ms=round(took_us / clicks / 1000, 2) if clicks else 0.0,
        bounce_rate=_percentage(bounces, entries),
        series=tuple(series),
        breakdowns=_break_down(list(details.values()), clicks),
    )


def _by_hour(details: dict[date, Details], first: date, last: date) -> Iterator[Point]:
    for day in days.between(first, last):
        hours = details[day].hours if day in details else {}
        for hour in range(24):
            seen = hours.get(hour, Hour())
            yield Point(datetime.combine(day, time(hour), UTC), seen.clicks, seen.uniques)


def _by_day(counted: Sequence[Counted], first: date, last: date, interval: Interval) -> list[Point]:
    buckets = {_begin(day, interval): [0, 0] for day in days.between(first, last)}
    for day in counted:
        bucket = buckets[_begin(day.day, interval)]
        bucket[0] += day.clicks
        bucket[1] += day.uniques
    return [Point(datetime.combine(day, time(), UTC), *sums) for day, sums in buckets.items()]


def _begin(day: date, interval: Interval) -> date:
    return day - timedelta(days=day.weekday()) if interval is Interval.WEEK else day


def _break_down(details: Sequence[Details], clicks: int) -> Breakdowns:
    rows = {
        name: _top(_sum([day.values[place] for day in details]), ABSENT[name], clicks)
        for place, name in enumerate(DIMENSIONS)
    }
    shares = {
        name: tuple(Share(name=value, clicks=number, percentage=share) for value, number, share in found)
        for name, found in rows.items()
    }
    return Breakdowns(
        places=tuple(_place(*row) for row in rows["place"]),
        devices=shares["device"],
        systems=shares["os"],
        browsers=shares["browser"],
        referrers=shares["referrer"],
        languages=shares["language"],
        utm_sources=shares["utm_source"],
        utm_mediums=shares["utm_medium"],
        utm_campaigns=shares["utm_campaign"],
        utm_terms=shares["utm_term"],
        utm_contents=shares["utm_content"],
    )


def _sum(days: Sequence[dict[str, int]]) -> dict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for values in days:
        for value, number in values.items():
            sums[value] += number
    return sums


def _top(counts: dict[str, int], absent: str, clicks: int) -> list[Row]:
    """The most frequent values first, of equals in the order of the alphabet; what is left is last."""
    without = clicks - sum(counts.values())
    rest = counts.pop(REST, 0)
    if without:
        counts[absent] = without
    shown = _most_frequent(counts)
    rest += sum(counts.values()) - sum(number for _, number in shown)
    if rest:
        # A value may have that very name, as the device of a television has; a report says a name once.
        rest += sum(number for value, number in shown if value == OTHER)
        shown = [*((value, number) for value, number in shown if value != OTHER), (OTHER, rest)]
    return [(value, number, _percentage(number, clicks)) for value, number in shown]


def _most_frequent(counts: dict[str, int]) -> list[tuple[str, int]]:
    """`TOP` of them. A few out of many thousands are found several times faster than all are put in order."""
    level = 0
    if len(counts) > TOP:
        level = sorted(counts.values(), reverse=True)[TOP - 1]
    above = sorted((item for item in counts.items() if item[1] > level), key=lambda item: (-item[1], item[0]))
    equal = (value for value, number in counts.items() if number == level)
    return above + [(value, level) for value in heapq.nsmallest(TOP - len(above), equal)]


def _place(value: str, clicks: int, percentage: float) -> Place:
    if value in (UNKNOWN, OTHER):
        return Place(country=value, region=value, clicks=clicks, percentage=percentage)
    country, dash, _ = value.partition("-")
    return Place(country=country, region=value if dash else UNKNOWN, clicks=clicks, percentage=percentage)


def _percentage(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
