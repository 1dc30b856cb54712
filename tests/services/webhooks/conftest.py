"""Copies of the service that may deliver to the loopback, where the receivers of the tests are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from tests.services.webhooks.desk import Desk
from tests.world import Process, World

LOOPBACK = "127.0.0.0/8,::1/128"


class Copies(Protocol):
    def __call__(self, number: int = 1, **settings: object) -> AbstractAsyncContextManager[list[Process]]: ...


@pytest.fixture
async def copies(world: World) -> AsyncIterator[Copies]:
    """``async with copies(2) as (one, other)``: these instead of the world's own copy."""
    own = world.services["webhooks"]

    @contextlib.asynccontextmanager
    async def run(number: int = 1, **settings: object) -> AsyncIterator[list[Process]]:
        given = {"webhook_allow_cidrs": LOOPBACK} | settings
        started = [world.service("webhooks", copy, **given) for copy in range(2, 2 + number)]
        try:
            world.services["webhooks"] = started[0]
            await asyncio.gather(*(copy.start_serving() for copy in started))
            yield started
        finally:
            for process in started:
                await process.stop()

    await own.stop()
    # What other tests have left to be sent would be sent beside what this one counts.
    db = await world.connect()
    await db.execute("delete from webhooks.endpoints")
    await db.close()
    yield run
    world.services["webhooks"] = own
    await own.start()
    await world.until_answered("webhooks")


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    db = await world.connect()
    yield Desk(world, db)
    await db.close()
