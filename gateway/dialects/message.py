"""One kind of message that is sent to webhooks, as a value: what is written about webhooks is derived from these."""

from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True):
    name: str  # its type: "link.created"
    summary: str
    bodies: tuple[Any, ...]  # the types of a whole body, whose `type` is the name; the first one is the usual one
