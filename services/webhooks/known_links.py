"""What clicked links are like, asked of the links service and remembered for a few seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from shared.contracts.links import GetLinks, Link
from shared.contracts.modes import Mode
from shared.service import Service

AT_ONCE = 100

Place = tuple[str, Mode]


class KnownLinks:
    """Of one service copy. None stands for a link that is not there any more."""

    def __init__(self, service: Service) -> None:
        self._bus = service.bus
        self._fresh_seconds = service.settings.webhook_link_seconds
        self._most = service.settings.webhook_link_entries
        # The oldest first.
        self._known: OrderedDict[tuple[str, Mode, str], tuple[float, Link | None]] = OrderedDict()

    async def find(self, wanted: Mapping[Place, Iterable[str]]) -> dict[str, Link | None]:
        """By id; a `Fault` when the links service cannot be asked."""
        now = time.monotonic()
        while self._known and next(iter(self._known.values()))[0] + self._fresh_seconds <= now:
            self._known.popitem(last=False)
        found: dict[str, Link | None] = {}
        unknown: list[tuple[Place, list[str]]] = []
        for place, link_ids in wanted.items():
            known = {link_id: self._known.get((*place, link_id)) for link_id in link_ids}
            found |= {link_id: each[1] for link_id, each in known.items() if each}
            missing = [link_id for link_id, each in known.items() if not each]
            unknown += [(place, missing[begin : begin + AT_ONCE]) for begin in range(0, len(missing), AT_ONCE)]
        for answer in await asyncio.gather(*(self._ask(*place, link_ids) for place, link_ids in unknown)):
            found |= answer
        return found

    async def _ask(self, workspace: str, mode: Mode, link_ids: Sequence[str]) -> dict[str, Link | None]:
        answer = await self._bus.ask(GetLinks(workspace=workspace, mode=mode, ids=tuple(link_ids)))
        found: dict[str, Link | None] = dict.fromkeys(link_ids)
        # What is not told of a clicked link is not remembered either, as it may be large.
        found |= {link.id: replace(link, metadata={}, description=None, thumbnail=None) for link in answer.links}
        now = time.monotonic()
        for link_id, link in found.items():
            self._known[workspace, mode, link_id] = (now, link)
            self._known.move_to_end((workspace, mode, link_id))
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return found
