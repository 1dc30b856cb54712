"""Clicks are told to webhooks where somebody wants them, in the transaction that counts them; elsewhere nobody is told.

So each click that is counted is told once, and where nobody listens it costs nothing to speak of.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from services.analytics import store_wishes
from services.analytics.enrichment.facts import Facts
from shared import ids
from shared.contracts.analytics import CLICKS_TOLD, Click, Clicked, Kind, Visit
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted
from shared.database import Connection

Place = tuple[str, Mode]


class Wishes(msgspec.Struct, frozen=True):
    """Those of all workspaces, after so many changes."""

    changes: int = -1
    places: frozenset[Place] = frozenset()


async def take_over(tx: Connection, event: ClicksWanted) -> None:
    if await store_wishes.upsert_wish(tx, event):
        await store_wishes.count_change(tx)


async def refreshed(tx: Connection, known: Wishes) -> Wishes:
    """The same ones when nothing has changed since, which costs one short statement."""
    changes = await store_wishes.find_changes(tx)
    # In this order, what is known is never older than its number says.
    return known if changes == known.changes else Wishes(changes, await store_wishes.list_wishes(tx))


class Wanted:
    """The clicks of some batches that are to be told."""

    def __init__(self, wishes: Wishes) -> None:
        self.places = wishes.places
        self._clicks: dict[Place, list[Click]] = {}

    def add(self, batch: str, known: Sequence[tuple[Visit, Facts]]) -> None:
        if not self.places:
            return
        for number, (visit, facts) in enumerate(known):
            place = (visit.workspace, visit.mode)
            if place in self.places and visit.kind is Kind.CLICK and not facts.bot:
                self._clicks.setdefault(place, []).append(_click(f"{batch} {number}", visit, facts))

    def events(self) -> Iterator[Clicked]:
        for (workspace, mode), clicks in self._clicks.items():
            for together in _pages(clicks):
                yield Clicked(workspace=workspace, mode=mode, clicks=together)


def _pages(clicks: Sequence[Click]) -> Iterable[tuple[Click, ...]]:
    return (tuple(clicks[begin : begin + CLICKS_TOLD]) for begin in range(0, len(clicks), CLICKS_TOLD))


def _click(name: str, visit: Visit, facts: Facts) -> Click:
    # The same click always has the same id, whoever counts it at whichever attempt.
    digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return Click(
        ids.base62(int.from_bytes(digest, "big"), ids.LENGTH),
        visit.at,
        visit.link,
        visit.country,
        visit.region,
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
        visit.code,
    )
