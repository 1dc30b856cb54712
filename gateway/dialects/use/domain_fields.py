"""Domains as this API reads and writes them."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.use.ids import DOMAIN, DomainId
from gateway.wire import moment
from shared.contracts.links import domains
from shared.contracts.links.domains import DomainStatus
from shared.contracts.modes import Mode
from shared.settings import Settings
from shared.short_urls import own_host

Name = Annotated[
    str,
    Meta(description="A host name, without scheme, port and path. It is told in punycode.", examples=["l.example.com"]),
]
RootUrl = Annotated[
    str,
    Meta(description="Where visitors are sent who ask for no short code.", examples=["https://www.example.com/"]),
]
NotFoundUrl = Annotated[str, Meta(description="Where visitors are sent whose short code is not there.")]


class NewDomain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    domain: Name
    root_url: RootUrl | None = None
    not_found_url: NotFoundUrl | None = None


class DomainChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed; `null` clears it."""

    root_url: RootUrl | None | UnsetType = UNSET
    not_found_url: NotFoundUrl | None | UnsetType = UNSET


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The record in the DNS that proves whose the domain is."""

    type: Annotated[Literal["TXT"], Meta(examples=["TXT"])]
    name: Annotated[str, Meta(examples=["_waypost.l.example.com"])]
    value: Annotated[str, Meta(examples=["waypost-verification=5f0c8a1d2e3b4c5d6e7f8091a2b3c4d5e6f70812"])]


class DomainBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: DomainId
    domain: Name
    status: Annotated[
        DomainStatus, Meta(description="Only with `verified` ones are there links.", examples=["pending"])
    ]
    verification: Annotated[Verification, Meta(description="What to put into the DNS.")]
    target: Annotated[
        str,
        Meta(description="Where the DNS has to lead for visitors, by CNAME or by address.", examples=["go.example"]),
    ]
    root_url: RootUrl | None
    not_found_url: NotFoundUrl | None
    problem: Annotated[str | None, Meta(description="Why the last look into the DNS has not verified it.")]
    checked_at: Annotated[str | None, Meta(description="When that was.")]
    verified_at: str | None
    mode: Annotated[Mode, Meta(description="Of the key that made it; links of this mode can be on it.")]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    updated_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]


def body_of(settings: Settings, domain: domains.Domain) -> DomainBody:
    return DomainBody(
        id=DOMAIN + domain.id,
        domain=domain.name,
        status=domain.status,
        verification=Verification(type="TXT", name=domain.challenge, value=domain.proof),
        target=own_host(settings.public_url),
        root_url=domain.root_url,
        not_found_url=domain.not_found_url,
        problem=domain.problem,
        checked_at=None if domain.checked_at is None else moment(domain.checked_at),
        verified_at=None if domain.verified_at is None else moment(domain.verified_at),
        mode=domain.mode,
        created_at=moment(domain.created_at),
        updated_at=moment(domain.updated_at),
    )
