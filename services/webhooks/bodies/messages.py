"""What is around the data of every message."""

from datetime import datetime

import msgspec
from msgspec import Raw

from services.webhooks.bodies.form import encode, moment
from shared import ids
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Topic

EVENT = "evt_"


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    type: Topic
    created_at: str
    mode: Mode
    data: Raw


def message(event: str, topic: Topic, mode: Mode, data: bytes, at: datetime | None = None) -> bytes:
    """``data`` is JSON. ``at``: when it happened, if that is not in the id of the event."""
    created_at = moment(at or ids.time_of(event))
    return encode(Message(id=EVENT + event, type=topic, created_at=created_at, mode=mode, data=Raw(data)))
