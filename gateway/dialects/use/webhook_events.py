"""What webhooks are told, and in which shape: what is written about it here is sent by the webhooks service."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from gateway.dialects.message import Message
from gateway.dialects.use.domain_fields import DomainBody
from gateway.dialects.use.ids import EventId, LinkId, QrCodeId, WebhookId
from gateway.dialects.use.key import KeyFields
from gateway.dialects.use.link_fields import LinkBody
from gateway.dialects.use.qr_fields import QrCodeBody
from gateway.dialects.use.webhook_fields import WebhookBody
from gateway.dialects.v1.profile import ProfileBody
from shared.contracts.keys import Window
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Topic

T = TypeVar("T")


class Event(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    id: EventId
    type: Annotated[Topic, Meta(examples=["link.created"])]
    created_at: Annotated[str, Meta(description="When it happened, in UTC.", examples=["2026-01-31T09:05:00.123Z"])]
    mode: Annotated[Mode, Meta(examples=["live"])]
    data: T


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    limit: Annotated[int | None, Meta(description="Requests per window; `null`: what the tier allows.", examples=[500])]
    window: Annotated[Window, Meta(examples=["hour"])]


class KeyData(KeyFields, frozen=True, kw_only=True, rename="camel"):
    limits: KeyLimits
    revoked_at: str | None


class ClickedLink(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of one that has been removed since, no more than its id is told."""

    id: LinkId
    short_url: Annotated[str | None, Meta(examples=["https://go.example/summer-sale"])]
    short_code: Annotated[str | None, Meta(examples=["summer-sale"])]
    destination_url: Annotated[str | None, Meta(examples=["https://example.com/landing-page"])]
    title: Annotated[str | None, Meta(examples=["Summer Campaign"])]
    tags: Annotated[tuple[str, ...], Meta(examples=[["marketing", "summer"]])]
    external_id: str | None


class ClickData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A click of a person, as reports count it."""

    id: Annotated[str, Meta(description="Of the click.", examples=["click_02FvM8kQ7yZtLw3RbXc5Na"])]
    clicked_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.098Z"])]
    link: ClickedLink
    country: Annotated[str | None, Meta(description="ISO 3166-1 code.", examples=["AT"])]
    region: Annotated[str | None, Meta(description="ISO 3166-2 code.", examples=["AT-9"])]
    device: Annotated[str, Meta(examples=["Mobile"])]
    os: Annotated[str, Meta(examples=["iOS"])]
    browser: Annotated[str, Meta(examples=["Safari"])]
    referrer: Annotated[str, Meta(description="The host it came from, or `Direct`.", examples=["news.example"])]
    language: Annotated[str, Meta(examples=["de"])]
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: Annotated[str | None, Meta(examples=["spring"])]
    utm_term: str | None
    utm_content: str | None


class ScanData(ClickData, frozen=True, kw_only=True, rename="camel"):
    """The same of a click that was the scan of a QR code, which is told as `link.clicked` too."""

    qr_code_id: QrCodeId


class Clicks(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook with `batch` is told in place of one click."""

    clicks: Annotated[tuple[ClickData, ...], Meta(min_length=1, max_length=100)]


class TestData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    webhook_id: WebhookId
    message: Annotated[str, Meta(examples=["This is a test."])]


MESSAGES = (
    Message(Topic.LINK_CREATED, "A link was made.", (Event[LinkBody],)),
    Message(Topic.LINK_UPDATED, "A link was changed.", (Event[LinkBody],)),
    Message(Topic.LINK_DELETED, "A link was removed; this is what it was.", (Event[LinkBody],)),
    Message(Topic.LINK_EXPIRED, "A link has expired, by time or by clicks.", (Event[LinkBody],)),
    Message(
        Topic.LINK_CLICKED,
        "A person clicked a link; or several clicks together, if they are wanted so.",
        (Event[ClickData], Event[Clicks]),
    ),
    Message(Topic.QR_CREATED, "A QR code was made.", (Event[QrCodeBody],)),
    Message(Topic.QR_DELETED, "A QR code was removed, alone or with its link.", (Event[QrCodeBody],)),
    Message(Topic.QR_SCANNED, "A person scanned a QR code.", (Event[ScanData],)),
    Message(Topic.DOMAIN_VERIFIED, "A domain was verified, on request or by itself.", (Event[DomainBody],)),
    Message(Topic.PROFILE_UPDATED, "The profile was changed.", (Event[ProfileBody],)),
    Message(Topic.KEY_CREATED, "A key was made.", (Event[KeyData],)),
    Message(Topic.KEY_REVOKED, "A key was withdrawn for good.", (Event[KeyData],)),
    Message(Topic.WEBHOOK_TEST, "A test was asked for.", (Event[TestData],)),
    Message(Topic.WEBHOOK_DISABLED, "Another webhook was disabled, not by its owner.", (Event[WebhookBody],)),
)
