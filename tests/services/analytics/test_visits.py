"""Visits on the wire, between gateways and copies of the service that are of different releases."""

import msgspec
import pytest

from services.analytics import visits
from shared.contracts.analytics import Visit
from tests.services.analytics.visits import batch, visit

_FIELDS = Visit.__struct_fields__
_NEWER = visit("W", "L", country="AT", region="AT-9", code="C")


@pytest.mark.parametrize(("known", "absent"), [(12, ("country", "region", "code")), (14, ("code",))])
def test_a_frame_of_an_older_gateway_is_read_without_what_it_does_not_tell(known: int, absent: tuple[str, ...]) -> None:
    assert _FIELDS[known:] == absent
    frame = msgspec.msgpack.decode(msgspec.msgpack.encode(batch([_NEWER])))
    frame[1][0] = frame[1][0][:known]
    older = visits.unpack(visits.open_message(msgspec.msgpack.encode(frame)))
    assert older == (msgspec.structs.replace(_NEWER, **dict.fromkeys(absent, "")),)


def test_an_older_copy_of_the_service_reads_a_frame_of_a_newer_gateway() -> None:
    former = msgspec.defstruct(
        "Visit",
        [(field.name, field.type) for field in msgspec.structs.fields(Visit)[:14]],
        array_like=True,
        frozen=True,
    )
    (read,) = msgspec.msgpack.decode(msgspec.msgpack.encode((_NEWER,)), type=tuple[former, ...])  # type: ignore[valid-type]
    assert msgspec.structs.astuple(read) == msgspec.structs.astuple(_NEWER)[:14]
