"""Batches made ready for the database: read, enriched, summed up, and written as the lines that it takes.

That is most of the work for the processor, and needs no connection. So it is done for the next batches while the
database is busy with the last ones.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from services.analytics import visits
from services.analytics.enrichment import Enrichment
from services.analytics.live import Live, Message
from services.analytics.rollups import RollUps
from services.analytics.visits import Packed
from services.analytics.wishes import Wanted, Wishes


class Prepared:
    """What is kept of a batch is its lines, which take a third of the place of its visits."""

    def __init__(self, wishes: Wishes) -> None:
        self.sums = RollUps()
        self.wanted = Wanted(wishes)
        self.happening: list[Message] = []
        self._batches: dict[str, Packed] = {}
        self._lines: dict[str, bytes] = {}

    @property
    def ids(self) -> list[str]:
        """Sorted, as rows are to be locked."""
        return sorted(self._batches)

    def add(self, batch: Packed, enrichment: Enrichment, live: Live, now: float) -> None:
        """Raises what `visits` raises when it is a bad one."""
        known = [(visit, enrichment.enrich(visit)) for visit in visits.unpack(batch)]
        self._lines[batch.id] = "".join([visits.line(visit, facts.bot) for visit, facts in known]).encode()
        self._batches[batch.id] = batch
        self.sums.add(known)
        self.wanted.add(batch.id, known)
        self.happening += live.messages(batch.id, known, now)

    def only(self, ids: Iterable[str]) -> list[Packed]:
        return [self._batches[each] for each in ids]

    async def lines(self) -> AsyncIterator[bytes]:
        for each in self._lines.values():
            yield each


async def prepare(
    batches: Iterable[Packed], enrichment: Enrichment, live: Live, wishes: Wishes, now: float
) -> Prepared:
    """All of them; one that comes twice counts once. ``now`` is in Unix seconds. Others get their turn in between."""
    prepared = Prepared(wishes)
    for batch in {batch.id: batch for batch in batches}.values():
        prepared.add(batch, enrichment, live, now)
        await asyncio.sleep(0)
    return prepared
