"""What other services tell, as far as endpoints can be told of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from services.webhooks import bodies
from shared import ids
from shared.contracts.analytics import Clicked
from shared.contracts.ask import Event, subject_of
from shared.contracts.keys import Key, KeyCreated, KeyRevoked
from shared.contracts.links import Link, LinkCreated, LinkDeleted, LinkExpired, LinkUpdated
from shared.contracts.links.domains import DomainVerified
from shared.contracts.links.qr_codes import QrCodeCreated, QrCodeDeleted
from shared.contracts.modes import Mode
from shared.contracts.profile import ProfileUpdated
from shared.contracts.webhooks import EndpointDisabled, Topic
from shared.encoding import decoder_for


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """Its data is made only when somebody is told of it, with the address that short links begin with."""

    event: str
    at: datetime
    workspace: str
    mode: Mode
    topic: Topic
    data: Callable[[str], bytes]
    link: Link | None = None  # that it is about
    endpoint: str | None = None  # that it is about; the others are told


class Clicks(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that tells of many clicks at once."""

    event: str
    clicked: Clicked


Read = Callable[[str, Any], Fact | Clicks]

_EVENTS: dict[str, tuple[type[Event], Read]] = {}


class Unreadable(Exception):
    """What is told has no sense that we know of; the text says why."""


def read(subject: str, event: str, payload: bytes) -> Fact | Clicks | None:
    """None when nobody can be told of it. ``event`` is the id under which it was told."""
    known = _EVENTS.get(subject)
    if known is None:
        return None
    if not ids.valid(event):
        raise Unreadable("It has no id")
    kind, make = known
    try:
        return make(event, decoder_for(kind).decode(payload))
    except (msgspec.DecodeError, OverflowError) as error:
        raise Unreadable(str(error)) from error


def _of_link(topic: Topic) -> Read:
    def make(event: str, told: LinkCreated | LinkUpdated | LinkDeleted | LinkExpired) -> Fact:
        link, at = told.link, ids.time_of(event)
        return Fact(
            event=event,
            at=at,
            workspace=link.workspace,
            mode=link.mode,
            topic=topic,
            data=lambda public_url: bodies.of_link(link, at, public_url),
            link=link,
        )

    return make


def _of_qr_code(topic: Topic) -> Read:
    def make(event: str, told: QrCodeCreated | QrCodeDeleted) -> Fact:
        code = told.code
        return Fact(
            event=event,
            at=ids.time_of(event),
            workspace=code.workspace,
            mode=code.mode,
            topic=topic,
            data=lambda public_url: bodies.of_qr_code(code, public_url),
            link=told.link,
        )

    return make


def _of_domain(event: str, told: DomainVerified) -> Fact:
    return Fact(
        event=event,
        at=ids.time_of(event),
        workspace=told.domain.workspace,
        mode=told.domain.mode,
        topic=Topic.DOMAIN_VERIFIED,
        data=lambda public_url: bodies.of_domain(told.domain, public_url),
    )


def _of_key(topic: Topic) -> Read:
    def make(event: str, told: KeyCreated | KeyRevoked) -> Fact:
        key: Key = told.key
        return Fact(
            event=event,
            at=ids.time_of(event),
            workspace=key.workspace,
            mode=key.mode,
            topic=topic,
            data=lambda _: bodies.of_key(key),
        )

    return make


def _of_profile(event: str, told: ProfileUpdated) -> Fact:
    return Fact(
        event=event,
        at=ids.time_of(event),
        workspace=told.profile.workspace,
        mode=told.profile.mode,
        topic=Topic.PROFILE_UPDATED,
        data=lambda _: bodies.of_profile(told.profile),
    )


def _of_endpoint(event: str, told: EndpointDisabled) -> Fact:
    return Fact(
        event=event,
        at=ids.time_of(event),
        workspace=told.endpoint.workspace,
        mode=told.endpoint.mode,
        topic=Topic.WEBHOOK_DISABLED,
        data=lambda public_url: bodies.of_endpoint(told.endpoint, public_url),
        endpoint=told.endpoint.id,
    )


def _of_clicks(event: str, told: Clicked) -> Clicks:
    return Clicks(event=event, clicked=told)


_EVENTS |= {
    subject_of(kind): (kind, make)
    for kind, make in (
        (LinkCreated, _of_link(Topic.LINK_CREATED)),
        (LinkUpdated, _of_link(Topic.LINK_UPDATED)),
        (LinkDeleted, _of_link(Topic.LINK_DELETED)),
        (LinkExpired, _of_link(Topic.LINK_EXPIRED)),
        (QrCodeCreated, _of_qr_code(Topic.QR_CREATED)),
        (QrCodeDeleted, _of_qr_code(Topic.QR_DELETED)),
        (DomainVerified, _of_domain),
        (ProfileUpdated, _of_profile),
        (KeyCreated, _of_key(Topic.KEY_CREATED)),
        (KeyRevoked, _of_key(Topic.KEY_REVOKED)),
        (EndpointDisabled, _of_endpoint),
        (Clicked, _of_clicks),
    )
}
