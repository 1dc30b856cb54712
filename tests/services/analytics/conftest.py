"""Copies of the service that notice within a second that one of them is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from tests.services.analytics.visits import NOON, rows
from tests.world import Process, World

Day = Callable[[int], Awaitable[datetime]]


class Copies(Protocol):
    def __call__(self, number: int, **settings: object) -> AbstractAsyncContextManager[list[Process]]: ...


@pytest.fixture
async def copies(world: World) -> AsyncIterator[Copies]:
    """``async with copies(2) as (one, other)``: these instead of the world's own copy, with a short ``ack_wait``."""
    own = world.services["analytics"]

    @contextlib.asynccontextmanager
    async def run(number: int, **settings: object) -> AsyncIterator[list[Process]]:
        quick = {"ingest_ack_wait_seconds": 1, "ingest_retry_seconds": 0.05, "ingest_batches": 4}
        started = [world.service("analytics", copy, **(quick | settings)) for copy in range(2, 2 + number)]
        try:
            await asyncio.gather(*(process.start_serving() for process in started))
            world.services["analytics"] = started[0]
            yield started
        finally:
            for process in started:
                await process.stop()

    await own.stop()
    yield run
    world.services["analytics"] = own
    await own.start()
    await world.until_answered("analytics")


@pytest.fixture
def day(world: World) -> Day:
    """Noon so many days ago; its raw visits are kept. Each test has days of its own."""

    async def noon(ago: int) -> datetime:
        moment = NOON - timedelta(days=ago)
        await rows(world, "select analytics.make_visits_partition($1)", moment.date())
        return moment

    return noon
