"""Questions to the services: put within their deadline, counted, and answered or refused by a fault."""

import contextlib
import logging
import time
from typing import Any, TypeVar

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared import context, ids
from shared.bus import counts
from shared.bus.counts import BusCounts
from shared.bus.inbox import Inbox
from shared.bus.messages import AWAY, DEADLINE_HEADER, FAULT_HEADER, REQUEST_HEADER
from shared.contracts.ask import Ask, service_of
from shared.encoding import decode_answer, decode_fault, encode_question, subject_for
from shared.faults import Code, Fault
from shared.settings import Settings
from shared.tracing import TRACING

A = TypeVar("A")

_UNTRACED = contextlib.nullcontext()

log = logging.getLogger(__name__)


class Questions:
    def __init__(self, client: Client, inbox: Inbox, counts: BusCounts, settings: Settings) -> None:
        self._client = client
        self._inbox = inbox
        self._counts = counts
        self._settings = settings

    async def put(self, question: Ask[A], headers: dict[str, str], timeout: float | None) -> tuple[A, Msg]:
        """The answer, and the reply that it came in; ``headers`` go along. See `Bus.ask`."""
        kind = type(question)
        began, outcome = time.perf_counter(), counts.LEFT
        spans = TRACING.spans
        try:
            with spans.asking(subject_for(kind), headers) if spans else _UNTRACED:
                reply = await self._request(question, headers, timeout)
                answer = _answer(kind, reply)
            outcome = counts.DONE
        except Fault as fault:
            outcome = fault.code.value
            raise
        finally:
            self._counts.asked(subject_for(kind), outcome, time.perf_counter() - began)
        return answer, reply

    async def _request(self, question: Ask[Any], headers: dict[str, str], timeout: float | None) -> Msg:
        kind = type(question)
        left = self._settings.ask_timeout_seconds if timeout is None else timeout
        now = time.time()
        if (limit := context.deadline.get()) is not None:
            left = min(left, limit - now)
        if left <= 0:
            raise Fault(Code.TIMEOUT, "The time for this request is over")
        if not self._client.is_connected:
            raise Fault(Code.UNAVAILABLE, f"The {service_of(kind)} service cannot be reached right now")
        headers[REQUEST_HEADER] = context.request_id.get() or ids.new()
        headers[DEADLINE_HEADER] = f"{now + left:.6f}"
        try:
            return await self._inbox.request(subject_for(kind), encode_question(question), left, headers)
        except nats.errors.MaxPayloadError:
            raise Fault(Code.TOO_LARGE, "This is more than can be taken in at once") from None
        except nats.errors.NoRespondersError:
            raise Fault(Code.UNAVAILABLE, f"The {service_of(kind)} service is not running right now") from None
        except TimeoutError:
            raise Fault(Code.TIMEOUT, f"The {service_of(kind)} service did not answer in time") from None
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, f"The {service_of(kind)} service cannot be reached right now") from error


def _answer(kind: type[Ask[A]], reply: Msg) -> A:
    try:
        if reply.headers and FAULT_HEADER in reply.headers:
            raise decode_fault(reply.data)
        return decode_answer(kind, reply.data)
    except msgspec.DecodeError as error:
        log.error("An answer could not be read: %s", error, extra={"question": kind.__name__})
        raise Fault(Code.INTERNAL, f"The {service_of(kind)} service gave an answer that makes no sense") from error
