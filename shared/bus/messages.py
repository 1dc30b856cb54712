"""What arrives over NATS: requests to answer and deliveries to settle. Handed out by the `Bus`."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared import once
from shared.contracts.ask import Ask
from shared.encoding import decoder_for, encode, encode_fault
from shared.faults import Code, Fault
from shared.once import Kept, Once

A = TypeVar("A")

REQUEST_HEADER = "Waypost-Request"
DEADLINE_HEADER = "Waypost-Deadline"
ONCE_HEADER = "Waypost-Once"
# On an answer that was given before: when it was first asked for.
REPLAY_HEADER = "Waypost-Replay"
# By which a stream knows a message that is published twice.
ID_HEADER = "Nats-Msg-Id"
# The names that the standard NATS service tooling looks for.
FAULT_HEADER = "Nats-Service-Error-Code"
MESSAGE_HEADER = "Nats-Service-Error"

# What comes of a server that is away. uvloop answers a write to a connection that has just gone with a RuntimeError.
AWAY = (nats.errors.Error, OSError, RuntimeError)

log = logging.getLogger(__name__)


async def settle(client: Client) -> None:
    """Returns when the server has taken in all that was sent before."""
    # A flush sends a ping and waits for its answer; in nats-py the ping overtakes what is still to be written.
    await client.flush()
    await client.flush()


class _Refusal(msgspec.Struct, frozen=True):
    description: str = ""


class _Receipt(msgspec.Struct, frozen=True):
    error: _Refusal | None = None


_receipts = msgspec.json.Decoder(_Receipt)


def refusal_of(receipt: bytes) -> str | None:
    """What a stream says that does not take in a message; None when it has it safely."""
    try:
        error = _receipts.decode(receipt).error
    except msgspec.DecodeError as unreadable:
        return f"its receipt makes no sense: {unreadable}"
    return None if error is None else error.description or "it gives no reason"


class Request(msgspec.Struct, frozen=True):
    """A question as it arrives, before it is decoded."""

    message: Msg

    @property
    def headers(self) -> Mapping[str, str]:
        return self.message.headers or {}

    @property
    def id(self) -> str:
        return (self.message.headers or {}).get(REQUEST_HEADER, "")

    @property
    def deadline(self) -> float | None:
        """Unix seconds; None when the caller named none that makes sense."""
        try:
            given = float((self.message.headers or {}).get(DEADLINE_HEADER, ""))
        except ValueError:
            return None
        return given if math.isfinite(given) else None

    @property
    def once(self) -> Once | None:
        """What a write carries that may be repeated; INTERNAL when it cannot be read, since it must not be left out."""
        given = (self.message.headers or {}).get(ONCE_HEADER)
        if given is None:
            return None
        try:
            return once.from_header(given)
        except msgspec.DecodeError as error:
            log.error("An idempotency key could not be read: %s", error)
            raise Fault(Code.INTERNAL, "The question could not be read") from error

    def decode(self, kind: type[Ask[A]]) -> Ask[A]:
        """INTERNAL when the caller speaks of other things than we do, as copies of different ages may."""
        try:
            question: Ask[A] = decoder_for(kind).decode(self.message.data)
        except msgspec.DecodeError as error:
            log.error("A question could not be read: %s", error, extra={"question": kind.__name__})
            raise Fault(Code.INTERNAL, "The question could not be read") from error
        return question

    async def answer(self, answer: object) -> None:
        if isinstance(answer, Kept):
            await self._reply(answer.payload, {REPLAY_HEADER: answer.asked_at.isoformat()})
        else:
            await self._reply(encode(answer), None)

    async def refuse(self, fault: Fault) -> None:
        words = fault.message.encode("ascii", "replace").decode()
        await self._reply(encode_fault(fault), {FAULT_HEADER: fault.code.value, MESSAGE_HEADER: words})

    async def answer_json(self, answer: object) -> None:
        await self._reply(msgspec.json.encode(answer), None)

    async def _reply(self, payload: bytes, headers: dict[str, str] | None) -> None:
        if not self.message.reply:
            return
        try:
            await self.message._client.publish(self.message.reply, payload, headers=headers)
        except nats.errors.MaxPayloadError:
            # Whoever asked still waits, and is told of the defect like of any other.
            raise
        except AWAY as error:
            # Whoever asked has lost the connection too, or hears of it by the deadline.
            log.warning("An answer could not be sent: %s", error)


class Delivery(msgspec.Struct, frozen=True):
    """One message of a stream, to be acknowledged when its work is done."""

    message: Msg

    @property
    def data(self) -> bytes:
        return self.message.data

    @property
    def subject(self) -> str:
        return self.message.subject

    @property
    def id(self) -> str:
        """The one that it was published under, or "" when it has none."""
        return (self.message.headers or {}).get(ID_HEADER, "")

    @property
    def times(self) -> int:
        """How often this message has been delivered, this time included."""
        return self.message.metadata.num_delivered or 1

    @property
    def number(self) -> int:
        """The place of the message in its stream."""
        return self.message.metadata.sequence.stream

    @property
    def count(self) -> int:
        """How many deliveries its consumer has made, this one included."""
        return self.message.metadata.sequence.consumer

    async def done(self) -> None:
        await self._say(self.message.ack())

    async def later(self, seconds: float) -> None:
        await self._say(self.message.nak(delay=seconds))

    async def give_up(self) -> None:
        await self._say(self.message.term())

    async def _say(self, word: Awaitable[None]) -> None:
        try:
            await word
        except AWAY as error:
            # The server has not heard it, so it delivers the message again; that is agreed with everyone.
            log.warning("A delivery could not be settled: %s", error)


class Backlog(msgspec.Struct, frozen=True):
    """What a consumer has not done yet, in messages."""

    stream: str
    consumer: str
    pending: int  # not delivered yet
    unsettled: int  # delivered and not acknowledged
    redelivered: int  # of these, more than once


class Puller:
    """A durable consumer, shared by all copies of a service that use the same name."""

    def __init__(self, client: Client, subscription: Any, make: Callable[[], Awaitable[None]] | None = None) -> None:
        """``make`` makes the consumer again when the server has none; without it, that is a `Fault` like any other."""
        self._client = client
        self._subscription = subscription
        self._make = make
        self.closed = False

    async def fetch(self, most: int, wait_seconds: float) -> list[Delivery]:
        """Up to ``most`` messages; an empty list when none came in time; UNAVAILABLE when out of reach."""
        if not self._client.is_connected:
            raise Fault(Code.UNAVAILABLE, "The stream cannot be reached right now")
        try:
            try:
                return [Delivery(message) for message in await self._subscription.fetch(most, timeout=wait_seconds)]
            except nats.js.errors.APIError as error:
                if self._make is None:
                    raise
                # A server that has come back with an empty disk, or whose operator has cleared up, has no consumer.
                log.warning("The consumer is made again: %s", error)
                await self._make()
                return []
        except TimeoutError:
            return []
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, "The stream cannot be read right now") from error

    async def backlog(self) -> Backlog:
        """UNAVAILABLE when out of reach."""
        try:
            info = await self._subscription.consumer_info()
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, "The stream cannot be read right now") from error
        return Backlog(
            stream=info.stream_name,
            consumer=info.name,
            pending=info.num_pending or 0,
            unsettled=info.num_ack_pending or 0,
            redelivered=info.num_redelivered or 0,
        )

    async def close(self) -> None:
        """Asks for nothing more. The consumer stays, for the other copies and the next start."""
        self.closed = True
        try:
            await self._subscription.unsubscribe()
        except AWAY as error:
            log.warning("A subscription could not be given back: %s", str(error) or type(error).__name__)


class Serving(msgspec.Struct, frozen=True):
    """One subject that this process serves."""

    subscription: Subscription

    async def drain(self, timeout: float) -> None:
        """Takes nothing new; what has arrived is still handed over. ``timeout`` is in seconds."""
        try:
            async with asyncio.timeout(timeout):
                client = self.subscription._conn
                await client._send_unsubscribe(self.subscription._id)
                await settle(client)
                await self.subscription.drain()  # type: ignore[no-untyped-call]
        except AWAY as error:
            # The server, once it notices that we are gone, sends nothing more either.
            log.warning("A subscription could not be given back: %s", str(error) or type(error).__name__)
