"""One kind of message that is sent to webhooks, as a value: what is written about webhooks is derived from these."""

from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True):
    name: str  # its type: "link.created"
    summary: str
    body: Any  # the type of the whole body, whose `type` is the name
