"""Redirects out of a limit, handed out exactly.

All claims on one link that come while another one is under way go to the database together with the next: a link that
everybody follows at once holds one connection of this copy, not all of them, and its row is written once for many.
"""

import asyncio
from datetime import UTC, datetime

import msgspec

from services.links import changes, store_visits
from shared.contracts.links import ClaimClick
from shared.contracts.targets import Claimed
from shared.service import Service

AT_ONCE = 1_000  # claims in one statement

Key = tuple[str, str]  # domain, slug

_queues: dict[Key, list[asyncio.Future[Claimed]]] = {}
_work: set[asyncio.Task[None]] = set()


async def claim(service: Service, ask: ClaimClick) -> Claimed:
    key = (ask.domain, ask.slug)
    mine: asyncio.Future[Claimed] = asyncio.get_running_loop().create_future()
    if key in _queues:
        _queues[key].append(mine)
    else:
        _queues[key] = [mine]
        # Of its own, because the visitor who came first may give up before the others are served.
        task = asyncio.create_task(_serve(service, key), name=f"claims on {ask.slug}")
        _work.add(task)
        task.add_done_callback(_work.discard)
    return await mine


async def _serve(service: Service, key: Key) -> None:
    try:
        while waiting := [each for each in _queues[key] if not each.done()]:
            _queues[key] = waiting[AT_ONCE:]
            await _hand_out(service, key, waiting[:AT_ONCE])
    finally:
        for each in _queues.pop(key):
            each.cancel()


async def _hand_out(service: Service, key: Key, waiting: list[asyncio.Future[Claimed]]) -> None:
    try:
        async with service.transaction() as tx:
            target, granted = await store_visits.claim(tx, *key, len(waiting), datetime.now(UTC))
            if target is not None and granted and target.claimed == target.max_clicks:
                await changes.expire(tx, target.workspace, target.mode, target.link)
    except Exception as error:  # noqa: BLE001 - whoever waits hears of it, and the answering decides what it is
        for each in waiting:
            if not each.done():
                each.set_exception(error)
        return
    refused = Claimed(target=target)
    # Who has given up in the meantime takes a claim along: the limit is never exceeded, at worst not quite used up.
    for place, each in enumerate(waiting):
        if not each.done():
            each.set_result(msgspec.structs.replace(refused, granted=place < granted))
