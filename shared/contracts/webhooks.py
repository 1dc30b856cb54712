"""Webhooks: endpoints that are told what happens, and the deliveries that tell them."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Confidential, Event
from shared.contracts.modes import Mode

EVERYTHING = "*"
LISTED = 10_000  # deliveries that a list pages through


class Topic(StrEnum):
    """What an endpoint can be told of."""

    LINK_CREATED = "link.created"
    LINK_UPDATED = "link.updated"
    LINK_DELETED = "link.deleted"
    LINK_EXPIRED = "link.expired"
    LINK_CLICKED = "link.clicked"
    PROFILE_UPDATED = "profile.updated"
    QR_CREATED = "qr.created"
    QR_DELETED = "qr.deleted"
    QR_SCANNED = "qr.scanned"
    DOMAIN_VERIFIED = "domain.verified"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    WEBHOOK_TEST = "webhook.test"
    WEBHOOK_DISABLED = "webhook.disabled"


CLICK_TOPICS = (Topic.LINK_CLICKED, Topic.QR_SCANNED)  # what clicks are told as


class Reason(StrEnum):
    """Why an endpoint is told nothing."""

    OWNER = "owner"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # no success for too long


class State(StrEnum):
    PENDING = "pending"  # not sent yet, or to be tried again
    DELIVERED = "delivered"
    FAILED = "failed"  # no further attempt will be made
    DROPPED = "dropped"  # never sent, because too much was waiting


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which links an endpoint is told of; an empty tuple lets all pass. What is about no link always passes."""

    links: tuple[str, ...] = ()  # up to 100 ids
    tags: tuple[str, ...] = ()  # up to 50
    domains: tuple[str, ...] = ()  # up to 50; "" is the gateway's own public host


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """One that is sent along. Its value may be a secret of the receiver's, so it is kept sealed and never shown."""

    name: str
    value: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as its owner sees it: everything but its secrets."""

    id: str
    workspace: str
    mode: Mode
    url: str
    description: str
    topics: tuple[str, ...]  # of `Topic`, or `EVERYTHING` alone
    filter: Filter
    header_names: tuple[str, ...]
    batch: bool  # clicks come together, up to a hundred or a second of them in one message
    enabled: bool
    reason: Reason | None  # None while it is enabled
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    secret_hint: str  # the last four characters of the secret
    rotated_at: datetime | None = None
    former_ends_at: datetime | None = None  # when the secret before the last rotation no longer signs
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    failures: int = 0  # attempts that failed since the last one that did not
    waiting: int = 0  # deliveries that are pending now
    dropped: int = 0  # deliveries that were never sent, since the endpoint exists


class NewEndpoint(Confidential, frozen=True, kw_only=True):
    endpoint: Endpoint
    secret: str  # whsec_ and 32 bytes in base64; shown this once


class EndpointPage(msgspec.Struct, frozen=True, kw_only=True):
    endpoints: tuple[Endpoint, ...]
    total: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    number: int  # from 1; those of a redelivery go on counting
    at: datetime
    took_ms: int
    status: int | None  # of the answer; None: there was none
    error: str | None  # in a few words, when there was no answer
    reply: str  # the first 4 KiB of it, what is no UTF-8 replaced


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one endpoint."""

    id: str  # the same over all attempts and redeliveries
    endpoint: str
    event: str  # the same for all endpoints that are told
    topic: Topic
    mode: Mode
    state: State
    created_at: datetime
    attempts: int
    next_at: datetime | None  # of the next attempt
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None = None


class DeliveryDetails(msgspec.Struct, frozen=True, kw_only=True):
    delivery: Delivery
    body: str  # JSON, as it is sent
    attempts: tuple[Attempt, ...]  # oldest first, the last 50


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    deliveries: tuple[Delivery, ...]
    total: int  # up to `LISTED`; what comes after it is found by time


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    deliveries: int  # that are pending again


class CreateEndpoint(Ask[NewEndpoint], frozen=True, kw_only=True):
    """IMPOSSIBLE when the address leads, or may lead, to a network that is not public; FORBIDDEN when there are as many
    endpoints as a workspace may have."""

    workspace: str
    mode: Mode
    url: str  # http or https, ≤ 2,048 characters, no user-info
    topics: tuple[str, ...]
    description: str = ""  # up to 500 characters
    filter: Filter = Filter()
    headers: tuple[Header, ...] = ()  # up to 20
    batch: bool = False
    enabled: bool = True


class GetEndpoint(Ask[Endpoint], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class ListEndpoints(Ask[EndpointPage], frozen=True, kw_only=True):
    """Newest first."""

    workspace: str
    mode: Mode
    limit: int = 20  # 1–100
    offset: int = 0


class UpdateEndpoint(Ask[Endpoint], frozen=True, kw_only=True):
    """Changes what is given. To enable one that was disabled forgets its failures; what waits is sent."""

    workspace: str
    mode: Mode
    id: str
    url: str | UnsetType = UNSET
    topics: tuple[str, ...] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    filter: Filter | UnsetType = UNSET
    headers: tuple[Header, ...] | UnsetType = UNSET  # all of them, in place of those there were
    batch: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class DeleteEndpoint(Ask[None], frozen=True, kw_only=True):
    """With its deliveries."""

    workspace: str
    mode: Mode
    id: str


class SendTest(Ask[Delivery], frozen=True, kw_only=True):
    """Sends a `Topic.WEBHOOK_TEST`, whatever the endpoint is told of. IMPOSSIBLE while it is disabled."""

    workspace: str
    mode: Mode
    id: str


class RotateSecret(Ask[NewEndpoint], frozen=True, kw_only=True):
    """For 24 hours the secret before signs too. A rotation during that time ends the oldest secret at once."""

    workspace: str
    mode: Mode
    id: str


class ListDeliveries(Ask[DeliveryPage], frozen=True, kw_only=True):
    """Of one endpoint, newest first."""

    workspace: str
    mode: Mode
    endpoint: str
    state: State | None = None
    topic: Topic | None = None
    since: datetime | None = None  # created at or after
    until: datetime | None = None  # created before
    limit: int = 20  # 1–100
    offset: int = 0  # up to `LISTED`


class GetDelivery(Ask[DeliveryDetails], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    endpoint: str
    id: str


class Redeliver(Ask[Delivery], frozen=True, kw_only=True):
    """Once more, at once, whatever became of it; the whole schedule begins anew. IMPOSSIBLE while the endpoint is
    disabled, or the delivery is pending anyway."""

    workspace: str
    mode: Mode
    endpoint: str
    id: str


class RecoverFailed(Ask[Recovery], frozen=True, kw_only=True):
    """`Redeliver` for all that failed or were dropped, created at or after ``since``; the oldest ones first, as many
    at a time as may wait."""

    workspace: str
    mode: Mode
    endpoint: str
    since: datetime


class EndpointDisabled(Event, frozen=True, kw_only=True):
    """Not by its owner: see its reason."""

    endpoint: Endpoint


class ClicksWanted(Event, frozen=True, kw_only=True):
    """Whether anybody in a workspace is to be told of clicks now. Only the newest word counts, by ``version``."""

    workspace: str
    mode: Mode
    wanted: bool
    version: int
