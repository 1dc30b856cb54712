"""The links service that commits what a write does, and keeps the answer in a transaction of its own."""

import asyncio
import contextlib
import runpy
from collections.abc import AsyncIterator

import pytest

from shared.database import Connection
from shared.idempotency import Attempt


@contextlib.asynccontextmanager
async def transaction(self: Attempt) -> AsyncIterator[Connection]:
    async with self._database.transaction() as tx:
        yield tx
    await asyncio.sleep(0.02)


pytest.MonkeyPatch().setattr(Attempt, "transaction", transaction)
runpy.run_module("services.links", run_name="__main__")
