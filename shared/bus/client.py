"""What a process says and hears over its connection: questions, events, deliveries, and what is kept."""

import asyncio
import logging
import weakref
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from shared.bus import counts, follower, streams
from shared.bus.buckets import Buckets
from shared.bus.counts import BusCounts
from shared.bus.follower import Extent, Follower
from shared.bus.inbox import Inbox
from shared.bus.messages import (
    AWAY,
    ID_HEADER,
    ONCE_HEADER,
    REPLAY_HEADER,
    Backlog,
    Puller,
    Request,
    Serving,
    refusal_of,
    settle,
)
from shared.bus.pulse import Pulse
from shared.bus.questions import Questions
from shared.contracts.ask import Ask, Event, subject_of
from shared.encoding import decoder_for
from shared.faults import Code, Fault
from shared.once import Done, Once, to_header
from shared.settings import Settings
from shared.stopping import cancel

A = TypeVar("A")
E = TypeVar("E", bound=Event)

log = logging.getLogger(__name__)


class Bus:
    """A connection. Made by `connect`, shared by everything in a process."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._stream = client.jetstream(timeout=settings.ask_timeout_seconds)
        self._reconnected: list[Callable[[], None]] = []
        self._closed = asyncio.Event()
        self._pulse = Pulse(client, settings)
        self.counts = BusCounts(lambda: client.is_connected)
        self._inbox = Inbox(client)
        self._questions = Questions(client, self._inbox, self.counts, settings)
        self._buckets = Buckets(self._stream, settings)
        self._pullers: weakref.WeakSet[Puller] = weakref.WeakSet()
        self._hearers: dict[type[Event], list[Callable[[Any], None]]] = {}
        self._keeps_streams = False
        self._mending: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._client.is_connected

    @property
    def answers(self) -> bool:
        """Connected, and the server is not known to hang. Known only while `keep_pulse` runs."""
        return self._client.is_connected and self._pulse.answers

    async def open(self) -> None:
        """Once, when the connection stands."""
        await self._inbox.open()

    async def keep_pulse(self) -> None:
        """For ever."""
        await self._pulse.keep()

    def on_gap(self, call: Callable[[], None]) -> None:
        """``call`` is called whenever events may have been missed: after a lost connection or an overrun."""
        self._reconnected.append(call)

    def gap(self) -> None:
        self.counts.gap()
        for call in self._reconnected:
            try:
                call()
            except Exception:
                # One listener's defect must not keep the others from hearing of the gap.
                log.exception("What is done after a gap has failed")

    async def closed(self) -> None:
        """Returns when the connection is closed for good.

        A lost connection comes back by itself; one that the server has sent away with an error does not, and a process
        without it had better end.
        """
        await self._closed.wait()

    def close(self) -> None:
        self._closed.set()

    async def ask(self, question: Ask[A], *, timeout: float | None = None) -> A:
        """The answer; or the `Fault` that the service raised; UNAVAILABLE or TIMEOUT when there was none.

        ``timeout`` is in seconds and never reaches past the deadline of the request this is asked for.
        """
        answer, _ = await self._questions.put(question, {}, timeout)
        return answer

    async def ask_once(self, question: Ask[A], once: Once, *, timeout: float | None = None) -> Done[A]:
        """The same for a write that may be repeated: it takes effect once, however often it is asked with ``once``.

        IMPOSSIBLE when the key was used for another request; BUSY while the first one is still at work.
        """
        answer, reply = await self._questions.put(question, {ONCE_HEADER: to_header(once)}, timeout)
        first_asked = reply.headers.get(REPLAY_HEADER) if reply.headers else None
        return Done(answer, datetime.fromisoformat(first_asked) if first_asked else None)

    async def publish(self, subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        """Into the stream that keeps ``subject``; returns when the server has it safely. The same id is kept once."""
        outcome = counts.LEFT
        try:
            await self._publish(subject, payload, message_id, timeout)
            outcome = counts.DONE
        except Fault as fault:
            outcome = fault.code.value
            raise
        finally:
            self.counts.published(subject, outcome)

    async def _publish(self, subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        if not self._client.is_connected:
            raise Fault(Code.UNAVAILABLE, "The stream cannot be reached right now")
        try:
            receipt = await self._inbox.request(subject, payload, timeout, {ID_HEADER: message_id})
        except TimeoutError:
            raise Fault(Code.TIMEOUT, "The stream did not acknowledge in time") from None
        except AWAY as error:
            if isinstance(error, nats.errors.NoRespondersError):
                self.mend()
            raise Fault(Code.UNAVAILABLE, f"The stream cannot take messages right now: {error}") from error
        if refusal := refusal_of(receipt.data):
            raise Fault(Code.UNAVAILABLE, f"The stream cannot take messages right now: {refusal}")

    async def hear(self, event: type[E], call: Callable[[E], None]) -> None:
        """Every process that listens hears the event at once; what is told while it is away is not repeated."""
        if event in self._hearers:
            self._hearers[event].append(call)
            return
        calls = [call]
        decoder = decoder_for(event)

        async def on_message(message: Msg) -> None:
            told = decoder.decode(message.data)
            for each in calls:
                _hand_over(each, told)

        await self._client.subscribe(subject_of(event), cb=on_message)
        await settle(self._client)
        self._hearers[event] = calls

    async def pull(self, stream: str, durable: str, subject: str, *, deliveries: int, ack_wait: float) -> Puller:
        """A durable consumer of a stream, made or brought up to date; UNAVAILABLE when the stream is out of reach.

        ``deliveries`` is how often a message is offered, -1 for no end; ``ack_wait`` is in seconds.
        """
        config = ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_deliver=deliveries,
            filter_subject=subject,
            max_ack_pending=1000,
        )

        async def make() -> None:
            await self._stream.add_consumer(stream, config)

        try:
            await make()
            bound = await self._stream.pull_subscribe_bind(durable=durable, stream=stream)
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, f"The stream cannot be read right now: {error}") from error
        puller = Puller(self._client, bound, make)
        self._pullers.add(puller)
        return puller

    async def backlogs(self) -> list[Backlog]:
        """What waits in the consumers that this process reads; UNAVAILABLE when out of reach."""
        return await asyncio.gather(*(puller.backlog() for puller in self._pullers if not puller.closed))

    async def extent(self, stream: str) -> Extent:
        """What the stream keeps now; UNAVAILABLE when it is out of reach."""
        try:
            async with asyncio.timeout(self._settings.ask_timeout_seconds):
                if (found := await follower.extent(self._stream, stream)) is None:
                    # One in the memory of its server is gone with it; whoever comes first makes it anew.
                    await self.ensure_streams()
                    found = await follower.extent(self._stream, stream)
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, f"The stream cannot be read right now: {error}") from error
        if found is None:
            raise Fault(Code.UNAVAILABLE, "The stream is not there right now")
        return found

    async def follow(self, stream: str, subject: str, begin: int, *, forget_seconds: float) -> Follower:
        """Reads from message number ``begin`` on. The server forgets a reader who is silent for ``forget_seconds``."""
        try:
            return await follower.follow(self._client, self._stream, stream, subject, begin, forget_seconds)
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, f"The stream cannot be read right now: {error}") from error

    async def serve(self, subject: str, queue: str, take: Callable[[Request], None]) -> Serving:
        """Raw requests on a subject; with a queue name each goes to one member of the group. See `shared.answering`.

        ``take`` must return at once: one subscription hands over one message at a time.
        """

        async def on_message(message: Msg) -> None:
            take(Request(message))

        subscription = await self._client.subscribe(subject, queue=queue, cb=on_message)
        try:
            await settle(self._client)
        except AWAY as error:
            # A connection that is made anew begins with all that has been subscribed to.
            log.info("NATS hears of %s when it is back: %s", subject, error)
        return Serving(subscription)

    async def keep_first(self, bucket: str, key: str, value: bytes, *, seconds: float) -> bytes:
        """The first value that anybody gave for ``key``: ours, if nobody was earlier. All are forgotten in time."""
        return await self._buckets.keep_first(bucket, key, value, seconds)

    async def ensure_streams(self) -> None:
        """Makes the streams, or brings them up to date; keeps trying while the server is starting.

        From then on this process also makes them again when the server has lost them.
        """
        await streams.ensure(self._stream, self._settings)
        self._keeps_streams = True

    def mend(self) -> None:
        """Sees to it that the streams are there, as a server that has come back may have an empty disk."""
        if self._keeps_streams and (self._mending is None or self._mending.done()):
            self._mending = asyncio.create_task(self._mend(), name="mend the streams")

    async def end_mending(self) -> None:
        if self._mending is not None:
            await cancel([self._mending])

    async def _mend(self) -> None:
        try:
            # What is there was brought up to date by whoever started last, and may be newer than what we know.
            await streams.ensure(self._stream, self._settings, update=False)
        except AWAY as error:
            # Lost once more: the next connection, or the next message without a stream, brings us here again.
            log.info("The streams are looked at later: %s", str(error) or type(error).__name__)


def _hand_over(call: Callable[[E], None], event: E) -> None:
    try:
        call(event)
    except Exception:
        # One listener's defect must not keep the others from hearing it.
        log.exception("What is done when a %s is heard has failed", type(event).__name__)
