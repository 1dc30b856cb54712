"""What many visits come to: one row per link and day, per workspace and day, per link, per profile.

All rows come sorted by their keys. Copies of the service that count at the same time then lock them in the same order,
and wait for each other instead of ending in a deadlock.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from services.analytics.calendar import DAY_MS, date_of, number_of
from services.analytics.enrichment import Facts
from services.analytics.tallies import Tally, click_of
from services.analytics.visitors import Arrival, Entry, Visitors
from shared.contracts.analytics import Kind, Visit


class LinkDay(NamedTuple):
    workspace: str
    mode: str
    link: str
    day: date


class WorkspaceDay(NamedTuple):
    workspace: str
    mode: str
    day: date


class Views(NamedTuple):
    people: int
    bots: int


class LinkTotal(NamedTuple):
    link: str
    clicks: int


class ProfileTotal(NamedTuple):
    workspace: str
    mode: str
    views: int


class CodeDay(NamedTuple):
    """Scans of a QR code."""

    code: str
    day: date
    scans: int


class CodeTotal(NamedTuple):
    code: str
    scans: int


class RollUps:
    """Sums over the visits that were added. Bots are counted apart and never among the clicks and views.

    Who is new can only be said with what is stored of the day: `begin`, `stay` and `arrive` add that afterwards.
    """

    def __init__(self) -> None:
        # The day is a number since 1970 in here; the views are [people, bots].
        self._clicks: dict[tuple[str, str, str, int], Tally] = {}
        self._views: dict[tuple[str, str, int], list[int]] = {}
        self._scans: dict[tuple[str, int], int] = {}
        # Of the visitors to a whole workspace; its clicks are the sums over its links.
        self._begun: dict[tuple[str, str, int], Tally] = {}
        self.visitors = Visitors()

    def add(self, visits: Iterable[tuple[Visit, Facts]]) -> None:
        for visit, facts in visits:
            day = visit.at // DAY_MS
            if visit.kind is not Kind.CLICK:
                self._views.setdefault((visit.workspace, visit.mode, day), [0, 0])[facts.bot] += 1
                continue
            tally = self._of_link(visit.workspace, visit.mode, visit.link, day)
            if facts.bot:
                tally.bots += 1
                continue
            tally.took_us += visit.took_us
            tally.clicks.append(click_of(visit, facts))
            self.visitors.add(day, visit)
            if visit.code:
                self._scans[visit.code, day] = self._scans.get((visit.code, day), 0) + 1

    def begin(self, entries: Iterable[Entry]) -> None:
        """The visitors who have not been in the workspace before on that day."""
        for entry in entries:
            day = number_of(entry.day)
            hour = self.visitors.hour(day, entry)
            link = self._of_link(entry.workspace, entry.mode, entry.link, day)
            for tally in (link, self._of_workspace(entry.workspace, entry.mode, day)):
                tally.entries += 1
                tally.bounces += entry.single
                tally.uniques.append(hour)

    def stay(self, entries: Iterable[Entry]) -> None:
        """The visitors of whom one click was known, and who have made more: their visit was no bounce after all."""
        for entry in entries:
            day = number_of(entry.day)
            self._of_link(entry.workspace, entry.mode, entry.link, day).bounces -= 1
            self._of_workspace(entry.workspace, entry.mode, day).bounces -= 1

    def arrive(self, arrivals: Iterable[Arrival]) -> None:
        """The visitors who began elsewhere and have not been at this link before on that day."""
        for arrival in arrivals:
            day = number_of(arrival.day)
            tally = self._of_link(arrival.workspace, arrival.mode, arrival.link, day)
            tally.uniques.append(self.visitors.hour(day, arrival))

    def days(self) -> set[int]:
        """Numbers since 1970."""
        return {key[3] for key in self._clicks} | {key[2] for key in self._views}

    def link_days(self) -> list[tuple[LinkDay, Tally]]:
        return [
            (LinkDay(workspace, mode, link, date_of(day)), tally)
            for (workspace, mode, link, day), tally in sorted(self._clicks.items(), key=lambda item: item[0])
        ]

    def workspace_days(self) -> list[tuple[WorkspaceDay, Tally, Views]]:
        sums = {key: Tally() for key in (*self._begun, *self._views)}
        for key, visitors in self._begun.items():
            sums[key].add_visitors(visitors)
        for (workspace, mode, _, day), tally in self._clicks.items():
            sums.setdefault((workspace, mode, day), Tally()).add_clicks(tally)
        return [
            (
                WorkspaceDay(workspace, mode, date_of(day)),
                tally,
                Views(*self._views.get((workspace, mode, day), (0, 0))),
            )
            for (workspace, mode, day), tally in sorted(sums.items(), key=lambda item: item[0])
        ]

    def link_totals(self) -> list[LinkTotal]:
        sums: dict[str, int] = {}
        for (_, _, link, _), tally in self._clicks.items():
            sums[link] = sums.get(link, 0) + len(tally.clicks)
        return [LinkTotal(link, clicks) for link, clicks in sorted(sums.items()) if clicks]

    def profile_totals(self) -> list[ProfileTotal]:
        sums: dict[tuple[str, str], int] = {}
        for (workspace, mode, _), (people, _) in self._views.items():
            sums[workspace, mode] = sums.get((workspace, mode), 0) + people
        return [ProfileTotal(workspace, mode, views) for (workspace, mode), views in sorted(sums.items()) if views]

    def code_days(self) -> list[CodeDay]:
        return [CodeDay(code, date_of(day), scans) for (code, day), scans in sorted(self._scans.items())]

    def code_totals(self) -> list[CodeTotal]:
        sums: dict[str, int] = {}
        for (code, _), scans in self._scans.items():
            sums[code] = sums.get(code, 0) + scans
        return [CodeTotal(code, scans) for code, scans in sorted(sums.items())]

    def _of_link(self, workspace: str, mode: str, link: str, day: int) -> Tally:
        key = (workspace, mode, link, day)
        found = self._clicks.get(key)
        if found is None:
            found = self._clicks[key] = Tally()
        return found

    def _of_workspace(self, workspace: str, mode: str, day: int) -> Tally:
        return self._begun.setdefault((workspace, mode, day), Tally())
