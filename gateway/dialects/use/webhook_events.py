"""What webhooks are told, and in which shape: what is written about it here is sent by the webhooks service."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from gateway.dialects.message import Message
from gateway.dialects.use.ids import EventId
from gateway.dialects.use.link_fields import LinkBody
from gateway.dialects.use.webhook_fields import WebhookBody
from gateway.dialects.v1.profile import ProfileBody
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Topic

T = TypeVar("T")


class Event(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    id: EventId
    type: Annotated[Topic, Meta(examples=["link.created"])]
    created_at: Annotated[str, Meta(description="When it happened, in UTC.", examples=["2026-01-31T09:05:00.123Z"])]
    mode: Annotated[Mode, Meta(examples=["live"])]
    data: T


MESSAGES = (
    Message(Topic.LINK_CREATED, "A link was made.", Event[LinkBody]),
    Message(Topic.LINK_UPDATED, "A link was changed.", Event[LinkBody]),
    Message(Topic.LINK_DELETED, "A link was removed; this is what it was.", Event[LinkBody]),
    Message(Topic.LINK_EXPIRED, "A link has expired, by time or by clicks.", Event[LinkBody]),
    Message(Topic.PROFILE_UPDATED, "The profile was changed.", Event[ProfileBody]),
    Message(Topic.WEBHOOK_DISABLED, "Another webhook was disabled, not by its owner.", Event[WebhookBody]),
)
