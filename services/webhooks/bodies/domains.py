"""Domains, as they were when something happened to them."""

import msgspec

from services.webhooks.bodies.form import DOMAIN, encode, moment, perhaps
from shared.contracts.links.domains import Domain, DomainStatus
from shared.contracts.modes import Mode
from shared.short_urls import own_host


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    name: str
    value: str


class DomainData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    domain: str
    status: DomainStatus
    verification: Verification
    target: str
    root_url: str | None
    not_found_url: str | None
    problem: str | None
    checked_at: str | None
    verified_at: str | None
    mode: Mode
    created_at: str
    updated_at: str


def of_domain(domain: Domain, public_url: str) -> bytes:
    return encode(
        DomainData(
            id=DOMAIN + domain.id,
            domain=domain.name,
            status=domain.status,
            verification=Verification(type="TXT", name=domain.challenge, value=domain.proof),
            target=own_host(public_url),
            root_url=domain.root_url,
            not_found_url=domain.not_found_url,
            problem=domain.problem,
            checked_at=perhaps(domain.checked_at),
            verified_at=perhaps(domain.verified_at),
            mode=domain.mode,
            created_at=moment(domain.created_at),
            updated_at=moment(domain.updated_at),
        )
    )
