"""Visits on the wire."""

import msgspec

from services.analytics import visits
from tests.services.analytics.visits import batch, visit


def test_a_frame_of_an_older_gateway_is_read_without_a_place() -> None:
    newer = visit("W", "L", country="AT", region="AT-9")
    frame = msgspec.msgpack.decode(msgspec.msgpack.encode(batch([newer])))
    frame[1][0] = frame[1][0][:12]
    older = visits.unpack(visits.open_message(msgspec.msgpack.encode(frame)))
    assert older == (msgspec.structs.replace(newer, country="", region=""),)
