"""Webhooks as this API reads and writes them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.names import bare
from gateway.dialects.use.ids import LINK, WEBHOOK, LinkId, WebhookId
from gateway.dialects.use.link_fields import domain_in
from gateway.endpoint import Call
from gateway.wire import moment
from shared.contracts import webhooks
from shared.contracts.modes import Mode
from shared.contracts.webhooks import EVERYTHING, Reason, Topic
from shared.settings import Settings
from shared.short_urls import own_domain

Url = Annotated[
    str,
    Meta(
        description="Where deliveries are sent by POST: an `http` or `https` address of up to 2,048 characters on a "
        "public network.",
        examples=["https://example.com/hooks/waypost"],
    ),
]
Word = Annotated[str, Meta(extra_json_schema={"enum": [EVERYTHING, *Topic]}, examples=["link.created"])]
Events = Annotated[
    tuple[Word, ...],
    Meta(
        description="What it is told of; `*` alone: everything.",
        examples=[["link.created", "link.clicked"]],
    ),
]
Description = Annotated[str, Meta(description="Up to 500 characters.", examples=["Tells the shop"])]
Headers = Annotated[
    dict[str, str],
    Meta(
        description="Up to 20 headers of your own, name and value, that go along with every delivery. The values are "
        "kept sealed and never told again.",
        examples=[{"X-Shop": "open sesame"}],
    ),
]
Batch = Annotated[
    bool,
    Meta(
        description="Take clicks together, up to a hundred of them or those of a second in one delivery, with "
        "`data.clicks` in its body. Scans of QR codes come one by one."
    ),
]
Enabled = Annotated[bool, Meta(description="One that is disabled is sent nothing; what happens meanwhile is missed.")]
Domain = Annotated[str, Meta(description="A host of short links.", examples=["go.example"])]


class Filter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which links it is told of. An empty list lets all pass; what is about no link always passes."""

    link_ids: Annotated[tuple[LinkId, ...], Meta(description="Up to 100.")] = ()
    tags: Annotated[tuple[str, ...], Meta(description="Up to 50; a link needs one of them.")] = ()
    domains: Annotated[tuple[Domain, ...], Meta(description="Up to 50 hosts.")] = ()


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    url: Url
    events: Events
    description: Description = ""
    headers: Headers = {}
    filter: Filter = Filter()
    batch: Batch = False
    enabled: Enabled = True


class WebhookChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    headers: Annotated[Headers, Meta(description="In place of all that there were.")] | UnsetType = UNSET
    filter: Annotated[Filter, Meta(description="In place of the whole filter.")] | UnsetType = UNSET
    batch: Batch | UnsetType = UNSET
    enabled: Annotated[Enabled, Meta(description="`true` forgets its failures.")] | UnsetType = UNSET


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: WebhookId
    url: Url
    events: Events
    description: Description
    headers: Annotated[
        tuple[str, ...], Meta(description="The names of your own headers; what they hold is not told.", examples=[[]])
    ]
    filter: Filter
    batch: Batch
    enabled: Annotated[Enabled, Meta(examples=[True])]
    disabled_reason: Annotated[
        Reason | None,
        Meta(
            description="`owner`: by a request; `gone`: it answered 410; `failing`: no success for too long; `null`: "
            "it is enabled."
        ),
    ]
    disabled_at: str | None
    secret_hint: Annotated[str, Meta(description="How the secret ends.", examples=["c3U="])]
    rotated_at: Annotated[str | None, Meta(description="When it got the secret it has now, if that was not first.")]
    former_secret_ends_at: Annotated[
        str | None, Meta(description="Until then the secret before the last rotation signs too.")
    ]
    last_success_at: str | None
    last_failure_at: str | None
    failures: Annotated[int, Meta(ge=0, description="Attempts that failed since the last one that did not.")]
    waiting: Annotated[int, Meta(ge=0, description="Deliveries that are pending now.")]
    dropped: Annotated[int, Meta(ge=0, description="Deliveries never sent, because too many were waiting.")]
    mode: Annotated[Mode, Meta(description="It is told of what this mode's keys and links do.", examples=["live"])]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    updated_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]


class WebhookWithSecret(WebhookBody, frozen=True, kw_only=True, rename="camel"):
    secret: Annotated[
        str,
        Meta(
            description="Signs every delivery, and is shown this once: `whsec_` and 32 bytes in Base64.",
            examples=["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
        ),
    ]


def body_of(settings: Settings, endpoint: webhooks.Endpoint) -> WebhookBody:
    return WebhookBody(
        id=WEBHOOK + endpoint.id,
        url=endpoint.url,
        events=endpoint.topics,
        description=endpoint.description,
        headers=endpoint.header_names,
        filter=Filter(
            link_ids=tuple(LINK + link for link in endpoint.filter.links),
            tags=endpoint.filter.tags,
            domains=tuple(domain or own_domain(settings.public_url) for domain in endpoint.filter.domains),
        ),
        batch=endpoint.batch,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.reason,
        disabled_at=_moment(endpoint.disabled_at),
        secret_hint=endpoint.secret_hint,
        rotated_at=_moment(endpoint.rotated_at),
        former_secret_ends_at=_moment(endpoint.former_ends_at),
        last_success_at=_moment(endpoint.last_success_at),
        last_failure_at=_moment(endpoint.last_failure_at),
        failures=endpoint.failures,
        waiting=endpoint.waiting,
        dropped=endpoint.dropped,
        mode=endpoint.mode,
        created_at=moment(endpoint.created_at),
        updated_at=moment(endpoint.updated_at),
    )


def with_secret(settings: Settings, made: webhooks.NewEndpoint) -> WebhookWithSecret:
    return WebhookWithSecret(**msgspec.structs.asdict(body_of(settings, made.endpoint)), secret=made.secret)


def filter_in(call: Call, given: Filter) -> webhooks.Filter:
    """The contract's words for it, where our own public host has no name."""
    return webhooks.Filter(
        links=tuple(bare(LINK, link) for link in given.link_ids),
        tags=given.tags,
        domains=tuple(domain_in(call.settings, domain) for domain in given.domains),
    )


def headers_in(given: dict[str, str]) -> tuple[webhooks.Header, ...]:
    return tuple(webhooks.Header(name=name, value=value) for name, value in given.items())


def _moment(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
