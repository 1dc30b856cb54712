"""The streams that keep what is told: facts for whoever listens, clicks for the analytics, and for whoever watches."""

import asyncio
import logging

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT, LIVE_STREAM, LIVE_SUBJECTS
from shared.settings import Settings

EVENTS_STREAM = "EVENTS"
PASSING_STREAM = "PASSING"
# How long the streams recognise a message that is published twice, in seconds.
DUPLICATE_WINDOW = 120.0
# What a cluster answers while fewer of its servers are there than a stream is to have copies.
_NO_PEERS = 10005

log = logging.getLogger(__name__)


async def ensure(stream: JetStreamContext, settings: Settings, *, update: bool = True) -> None:
    """Makes every stream of `wanted`, or brings it up to date; keeps trying while the server is starting.

    Without ``update`` a stream that is there is left as it is.
    """
    for config in wanted(settings):
        await _ensure(stream, config, settings.bus_reconnect_wait_seconds, update=update)


def wanted(settings: Settings) -> tuple[StreamConfig, ...]:
    keep = settings.events_keep_seconds
    replicas = settings.stream_replicas
    return (
        StreamConfig(
            name=EVENTS_STREAM,
            subjects=["events.>"],
            max_age=keep,
            # The server takes no window that is longer than what it keeps.
            duplicate_window=min(DUPLICATE_WINDOW, keep),
            num_replicas=replicas,
        ),
        StreamConfig(
            name=PASSING_STREAM,
            subjects=["passing.>"],
            max_age=keep,
            max_bytes=settings.passing_stream_bytes,
            # A full stream refuses: then what is told waits in the outbox of whoever tells it.
            discard=DiscardPolicy.NEW,
            retention=RetentionPolicy.WORK_QUEUE,
            duplicate_window=min(DUPLICATE_WINDOW, keep),
            num_replicas=replicas,
        ),
        StreamConfig(
            name=CLICKS_STREAM,
            subjects=[CLICKS_SUBJECT],
            max_bytes=settings.clicks_stream_bytes,
            # A full stream refuses: then the clicks wait in the journals instead of pushing older ones out.
            discard=DiscardPolicy.NEW,
            retention=RetentionPolicy.WORK_QUEUE,
            duplicate_window=DUPLICATE_WINDOW,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=LIVE_STREAM,
            subjects=[LIVE_SUBJECTS],
            max_age=settings.live_keep_seconds,
            max_bytes=settings.live_stream_bytes,
            discard=DiscardPolicy.OLD,
            # All of it is in the database already, so its loss costs those who watch a moment and nobody else anything.
            storage=StorageType.MEMORY,
            duplicate_window=min(DUPLICATE_WINDOW, settings.live_keep_seconds),
            num_replicas=replicas,
        ),
    )


async def _ensure(stream: JetStreamContext, config: StreamConfig, wait_seconds: float, *, update: bool) -> None:
    while True:
        try:
            await _make(stream, config, update=update)
            return
        except nats.js.errors.BadRequestError as refused:
            if refused.err_code != _NO_PEERS:
                raise
        except (
            nats.errors.TimeoutError,
            nats.js.errors.ServiceUnavailableError,
            nats.js.errors.NoStreamResponseError,
        ):
            pass
        log.info("Waiting for JetStream", extra={"stream": config.name})
        await asyncio.sleep(wait_seconds)


async def _make(stream: JetStreamContext, config: StreamConfig, *, update: bool) -> None:
    try:
        await stream.add_stream(config)
    except nats.js.errors.BadRequestError as refused:
        if refused.err_code == _NO_PEERS:
            raise
        if update:
            await stream.update_stream(config)
