"""The connection to NATS, for as long as the process lives."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import nats.errors
from nats.aio.client import Client

from shared.bus.client import Bus
from shared.bus.messages import AWAY
from shared.settings import Settings
from shared.stopping import cancel

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Bus]:
    """A connection that is never given up: when the server is away, it is tried again and again."""
    client = Client()
    bus = Bus(client, settings)
    told = ""

    async def on_error(error: Exception) -> None:
        nonlocal told
        words = str(error) or type(error).__name__
        if isinstance(error, nats.errors.SlowConsumerError):
            log.warning("Messages were dropped, because they came faster than they were read: %s", words)
            bus.gap()
        elif client.is_connected:
            log.warning("NATS reports an error: %s", words)
        elif not client.is_closed and words != told:
            # The same reason comes with every attempt; one line for it is enough.
            told = words
            log.info("Waiting for NATS: %s", words)

    async def on_disconnect() -> None:
        if not client.is_closed:
            log.warning("The connection to NATS is lost; trying to reach it again")

    async def on_reconnect() -> None:
        nonlocal told
        told = ""
        log.info("NATS is reached again")
        bus.mend()
        bus.gap()

    async def on_close() -> None:
        bus.close()

    await client.connect(
        settings.nats_url,
        name=settings.process_name,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
        closed_cb=on_close,
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=settings.bus_reconnect_wait_seconds,  # type: ignore[arg-type]
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        flush_timeout=settings.ask_timeout_seconds,
        # All subjects follow from types, and replies from what the server has taken.
        skip_subject_validation=True,
    )
    try:
        await bus.open()
        yield bus
    finally:
        await bus.end_mending()
        with contextlib.suppress(*AWAY):
            async with asyncio.timeout(settings.ask_timeout_seconds):
                await client.close()
        # The client may miss the word to stop while it tries to connect, and would keep the process alive for ever.
        if client._reconnection_task is not None:
            await cancel([client._reconnection_task])
