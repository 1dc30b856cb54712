"""Endpoints themselves: one that was disabled, and one that is tried out."""

import msgspec

from services.webhooks.bodies.form import LINK, WEBHOOK, encode, moment, perhaps
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Endpoint, Reason
from shared.short_urls import own_domain


class FilterData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    link_ids: tuple[str, ...]
    tags: tuple[str, ...]
    domains: tuple[str, ...]


class EndpointData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    url: str
    events: tuple[str, ...]
    description: str
    headers: tuple[str, ...]
    filter: FilterData
    batch: bool
    enabled: bool
    disabled_reason: Reason | None
    disabled_at: str | None
    secret_hint: str
    rotated_at: str | None
    former_secret_ends_at: str | None
    last_success_at: str | None
    last_failure_at: str | None
    failures: int
    waiting: int
    dropped: int
    mode: Mode
    created_at: str
    updated_at: str


class TestData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    webhook_id: str
    message: str


def of_endpoint(endpoint: Endpoint, public_url: str) -> bytes:
    return encode(
        EndpointData(
            id=WEBHOOK + endpoint.id,
            url=endpoint.url,
            events=endpoint.topics,
            description=endpoint.description,
            headers=endpoint.header_names,
            filter=FilterData(
                link_ids=tuple(LINK + link for link in endpoint.filter.links),
                tags=endpoint.filter.tags,
                domains=tuple(domain or own_domain(public_url) for domain in endpoint.filter.domains),
            ),
            batch=endpoint.batch,
            enabled=endpoint.enabled,
            disabled_reason=endpoint.reason,
            disabled_at=perhaps(endpoint.disabled_at),
            secret_hint=endpoint.secret_hint,
            rotated_at=perhaps(endpoint.rotated_at),
            former_secret_ends_at=perhaps(endpoint.former_ends_at),
            last_success_at=perhaps(endpoint.last_success_at),
            last_failure_at=perhaps(endpoint.last_failure_at),
            failures=endpoint.failures,
            waiting=endpoint.waiting,
            dropped=endpoint.dropped,
            mode=endpoint.mode,
            created_at=moment(endpoint.created_at),
            updated_at=moment(endpoint.updated_at),
        )
    )


def of_test(endpoint: Endpoint) -> bytes:
    words = "This is a test: your webhook can be reached, and whoever checks its signature knows that it is from us."
    return encode(TestData(webhook_id=WEBHOOK + endpoint.id, message=words))
