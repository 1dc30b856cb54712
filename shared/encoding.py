"""Questions, answers and faults as bytes: msgpack, decoded into the type that is expected or not at all."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shared.contracts.ask import Ask, Event, answer_of, subject_of
from shared.faults import Code, Detail, Fault

A = TypeVar("A")

TIMES = "There is no such time in the years from 1 to 9999, by UTC"
NUMBERS = "Whole numbers go from -2^63 to 2^64 - 1"

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
    """INVALID when it holds what no message can: a time of another zone that is in no year from 1 to 9999 by UTC, or a
    number of more than 64 bits."""
    try:
        return encode(question)
    except OverflowError as error:
        field, message = _beyond(question) or ("body", str(error))
        raise Fault(Code.INVALID, message, field=field) from None


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


def _beyond(question: object) -> tuple[str, str] | None:
    """Where in it something is that no message can hold, and what is wrong with that."""
    # JSON of the caller's may be nested deeper than functions may be, so the list grows instead.
    left = [("", question)]
    for name, value in left:
        if isinstance(value, datetime) and not _is_by_utc(value):
            return name.lstrip("."), TIMES
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            return name.lstrip("."), NUMBERS
        left += _parts(name, value)
    return None


def _parts(name: str, value: object) -> list[tuple[str, object]]:
    """What is in free JSON has no name of its own: dicts and lists are the caller's, structs and tuples ours."""
    if isinstance(value, msgspec.Struct):
        return [(f"{name}.{field}", inner) for field, inner in msgspec.structs.asdict(value).items()]
    if isinstance(value, tuple):
        return [(f"{name}[{place}]", inner) for place, inner in enumerate(value)]
    if isinstance(value, dict):
        return [(name, inner) for inner in value.values()]
    if isinstance(value, list):
        return [(name, inner) for inner in value]
    return []


def _is_by_utc(at: datetime) -> bool:
    try:
        at.astimezone(UTC)
    except OverflowError:
        return False
    return True
