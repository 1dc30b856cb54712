"""What many visits come to: one row per link and day, per workspace and day, per link, per profile.

All rows come sorted by their keys. Copies of the service that count at the same time then lock them in the same order,
and wait for each other instead of ending in a deadlock.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from shared.contracts.analytics import Kind, Visit

_DAY = 86_400_000  # milliseconds
_EPOCH = date(1970, 1, 1).toordinal()


class LinkDay(NamedTuple):
    workspace: str
    mode: str
    link: str
    day: date
    clicks: int
    bots: int


class WorkspaceDay(NamedTuple):
    workspace: str
    mode: str
    day: date
    clicks: int
    bots: int
    views: int
    view_bots: int


class LinkTotal(NamedTuple):
    link: str
    clicks: int


class ProfileTotal(NamedTuple):
    workspace: str
    mode: str
    views: int


class RollUps:
    """Sums over the visits that were added. Bots are counted apart and never among the clicks and views."""

    def __init__(self) -> None:
        # The day is a number since 1970 in here; the counts are [people, bots].
        self._clicks: dict[tuple[str, str, str, int], list[int]] = {}
        self._views: dict[tuple[str, str, int], list[int]] = {}

    def add(self, visits: Iterable[Visit]) -> None:
        clicks, views = self._clicks, self._views
        for visit in visits:
            day = visit.at // _DAY
            if visit.kind is Kind.CLICK:
                counts = clicks.setdefault((visit.workspace, visit.mode, visit.link, day), [0, 0])
            else:
                counts = views.setdefault((visit.workspace, visit.mode, day), [0, 0])
            counts[visit.bot] += 1

    def link_days(self) -> list[LinkDay]:
        return [
            LinkDay(workspace, mode, link, _date(day), people, bots)
            for (workspace, mode, link, day), (people, bots) in sorted(self._clicks.items())
        ]

    def workspace_days(self) -> list[WorkspaceDay]:
        sums: dict[tuple[str, str, int], list[int]] = {}
        for (workspace, mode, _, day), (people, bots) in self._clicks.items():
            counts = sums.setdefault((workspace, mode, day), [0, 0, 0, 0])
            counts[0] += people
            counts[1] += bots
        for key, (people, bots) in self._views.items():
            sums.setdefault(key, [0, 0, 0, 0])[2:] = people, bots
        return [
            WorkspaceDay(workspace, mode, _date(day), *counts)
            for (workspace, mode, day), counts in sorted(sums.items())
        ]

    def link_totals(self) -> list[LinkTotal]:
        sums: dict[str, int] = {}
        for (_, _, link, _), (people, _) in self._clicks.items():
            sums[link] = sums.get(link, 0) + people
        return [LinkTotal(link, clicks) for link, clicks in sorted(sums.items()) if clicks]

    def profile_totals(self) -> list[ProfileTotal]:
        sums: dict[tuple[str, str], int] = {}
        for (workspace, mode, _), (people, _) in self._views.items():
            sums[workspace, mode] = sums.get((workspace, mode), 0) + people
        return [ProfileTotal(workspace, mode, views) for (workspace, mode), views in sorted(sums.items()) if views]


def _date(day: int) -> date:
    return date.fromordinal(_EPOCH + day)
