"""Copies of the service that notice within a second that one of them is gone."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.services.analytics.visits import consumer
from tests.world import Process, World

Copies = Callable[[int], AbstractAsyncContextManager[list[Process]]]


@pytest.fixture
async def copies(world: World) -> AsyncIterator[Copies]:
    """``async with copies(2) as (one, other)``: these instead of the world's own copy, with a short ``ack_wait``."""
    own = world.services["analytics"]

    @contextlib.asynccontextmanager
    async def run(number: int) -> AsyncIterator[list[Process]]:
        started = [
            world.service("analytics", copy, ingest_ack_wait_seconds=1, ingest_retry_seconds=0.05, ingest_batches=4)
            for copy in range(2, 2 + number)
        ]
        for process in started:
            await process.start()
        world.services["analytics"] = started[0]
        await world.until_answered("analytics")
        try:
            yield started
        finally:
            for process in started:
                await process.stop()

    # The consumer keeps the waiting time with which it was made.
    await own.stop()
    await consumer(world, "DELETE")
    yield run
    await consumer(world, "DELETE")
    world.services["analytics"] = own
    await own.start()
    await world.until_answered("analytics")
