"""The gateway that sends each click to the stream as it comes, once, and keeps nothing."""

import asyncio
import contextlib
import runpy

import msgspec
import pytest

from gateway.redirect.journal import Journal
from shared.contracts.analytics import CLICKS_SUBJECT, Batch, Visit
from shared.faults import Fault
from shared.ids import new as new_id

_under_way: set[asyncio.Task[None]] = set()


def append(self: Journal, visit: Visit) -> bool:
    task = asyncio.create_task(_send(self, visit))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    return True


async def _send(journal: Journal, visit: Visit) -> None:
    batch = Batch(id=new_id(), visits=(visit,))
    with contextlib.suppress(Fault):
        await journal._shipper._publish(CLICKS_SUBJECT, msgspec.msgpack.encode(batch), batch.id, 1)


pytest.MonkeyPatch().setattr(Journal, "append", append)
runpy.run_module("gateway", run_name="__main__")
