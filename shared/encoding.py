"""Questions, answers and faults as bytes: msgpack, decoded into the type that is expected or not at all."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shared.contracts.ask import Ask, Event, answer_of, subject_of
from shared.faults import Code, Detail, Fault

A = TypeVar("A")

encode = msgspec.msgpack.Encoder().encode
_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
_answers: dict[type[Ask[Any]], Any] = {}
_subjects: dict[type[Ask[Any]] | type[Event], str] = {}


class FaultBody(msgspec.Struct, frozen=True):
    """A fault on its way through the bus."""

    code: Code
    message: str
    details: list[dict[str, str]] = []
    retry_after: int | None = None


def encode_question(question: Ask[Any]) -> bytes:
    """INVALID when a time in it is in no year from 1 to 9999 by UTC, which a time of another zone can be."""
    try:
        return encode(question)
    except OverflowError:
        message = "There is no such time in the years from 1 to 9999, by UTC"
        raise Fault(Code.INVALID, message, field=_field_beyond(question)) from None


def encode_fault(fault: Fault) -> bytes:
    return encode(FaultBody(fault.code, fault.message, [dict(detail) for detail in fault.details], fault.retry_after))


def decode_fault(data: bytes) -> Fault:
    body: FaultBody = decoder_for(FaultBody).decode(data)
    details = tuple(Detail(detail.get("field", ""), detail.get("message", "")) for detail in body.details)
    return Fault(body.code, body.message, details=details, retry_after=body.retry_after)


def decode_answer(question: type[Ask[A]], data: bytes) -> A:
    # The types are worked out once per question, because doing it takes longer than the decoding.
    if question not in _answers:
        _answers[question] = answer_of(question)
    answer: A = decoder_for(_answers[question]).decode(data)
    return answer


def decoder_for(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return decoder


def subject_for(message: type[Ask[Any]] | type[Event]) -> str:
    subject = _subjects.get(message)
    if subject is None:
        subject = _subjects[message] = subject_of(message)
    return subject


def _field_beyond(question: Ask[Any]) -> str:
    """The field with the time that cannot be; the whole body when it is deeper inside."""
    for name, value in msgspec.structs.asdict(question).items():
        if isinstance(value, datetime):
            try:
                value.astimezone(UTC)
            except OverflowError:
                return name
    return "body"
