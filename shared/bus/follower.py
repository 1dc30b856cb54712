"""Reading a stream from a place on, alone: nothing is acknowledged, since whoever reads remembers where they are."""

import logging

import msgspec
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared import ids
from shared.bus.messages import AWAY, Delivery, Puller
from shared.faults import Code, Fault

log = logging.getLogger(__name__)


class Extent(msgspec.Struct, frozen=True):
    """What a stream keeps: messages from the number ``first`` on; ``next`` is the number that the next one will get.

    A stream that has been made anew has another ``epoch``, and counts from 1 again.
    """

    epoch: int
    first: int
    next: int


class Follower:
    """The consumer of one reader. It serves until its first `Fault`; then another one goes on where this one was."""

    def __init__(self, client: Client, jetstream: JetStreamContext, stream: str, consumer: str, puller: Puller) -> None:
        self._client = client
        self._jetstream = jetstream
        self._stream = stream
        self._consumer = consumer
        self._puller = puller
        self._reconnects = client.stats["reconnects"]
        self._delivered = 0

    async def next(self, wait_seconds: float) -> Delivery | None:
        """None when there was none in time; UNAVAILABLE when it is out of reach or may have missed a message."""
        deliveries = await self._puller.fetch(1, wait_seconds)
        if self._client.stats["reconnects"] != self._reconnects:
            raise Fault(Code.UNAVAILABLE, "The connection was lost, and perhaps a message with it")
        if not deliveries:
            return None
        self._delivered += 1
        if deliveries[0].count != self._delivered:
            raise Fault(Code.UNAVAILABLE, "A message was lost on its way")
        return deliveries[0]

    async def close(self) -> None:
        """The server forgets the reader at once, or by itself in time if it is out of reach."""
        await self._puller.close()
        if not self._client.is_connected:
            return
        try:
            await self._jetstream.delete_consumer(self._stream, self._consumer)
        except AWAY as error:
            log.info("A reader is left to the server to forget: %s", str(error) or type(error).__name__)


async def extent(jetstream: JetStreamContext, stream: str) -> Extent | None:
    """None when there is no such stream, perhaps because it was lost with the memory of its server."""
    try:
        info = await jetstream.stream_info(stream)
    except nats.js.errors.NotFoundError:
        return None
    assert info.created, "the server tells when a stream was made"
    # Where nothing has ever been, the server tells a 0.
    first = max(info.state.first_seq, 1)
    return Extent(int(info.created.timestamp() * 1000), first, info.state.last_seq + 1)


async def follow(
    client: Client, jetstream: JetStreamContext, stream: str, subject: str, begin: int, forget_seconds: float
) -> Follower:
    name = ids.new()
    config = ConsumerConfig(
        name=name,
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=begin,
        filter_subject=subject,
        inactive_threshold=forget_seconds,
        mem_storage=True,
        num_replicas=1,
    )
    await jetstream.add_consumer(stream, config)
    return Follower(client, jetstream, stream, name, Puller(client, await jetstream.pull_subscribe_bind(name, stream)))
