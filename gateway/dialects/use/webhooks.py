"""Webhooks: addresses of the caller's that are told what happens."""

from msgspec import UNSET, UnsetType

from gateway.dialects.names import bare
from gateway.dialects.use.ids import WEBHOOK, WebhookId
from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.dialects.use.webhook_fields import (
    NewWebhook,
    WebhookBody,
    WebhookChanges,
    WebhookWithSecret,
    body_of,
    filter_in,
    headers_in,
    with_secret,
)
from gateway.endpoint import Call, Endpoint
from shared.contracts import webhooks


async def list_webhooks(call: Call, query: PageQuery) -> Page[WebhookBody]:
    """Your webhooks, newest first."""
    found = await call.ask(
        webhooks.ListEndpoints(workspace=call.workspace, mode=call.mode, limit=query.size, offset=query.offset)
    )
    return paged([body_of(call.settings, each) for each in found.endpoints], found.total, query)


async def create_webhook(call: Call, body: NewWebhook) -> WebhookWithSecret:
    """Makes a webhook. Its secret is shown this once.

    The address has to lead to a public network. `POST /webhooks/{id}/test` tries it out.
    """
    made = await call.write(
        webhooks.CreateEndpoint(
            workspace=call.workspace,
            mode=call.mode,
            url=body.url,
            topics=body.events,
            description=body.description,
            filter=filter_in(call, body.filter),
            headers=headers_in(body.headers),
            batch=body.batch,
            enabled=body.enabled,
        )
    )
    return with_secret(call.settings, made)


async def get_webhook(call: Call) -> WebhookBody:
    """One of your webhooks, and how it fares."""
    found = await call.ask(webhooks.GetEndpoint(workspace=call.workspace, mode=call.mode, id=_id(call)))
    return body_of(call.settings, found)


async def update_webhook(call: Call, body: WebhookChanges) -> WebhookBody:
    """Changes the fields that are given and leaves the others."""
    updated = await call.write(
        webhooks.UpdateEndpoint(
            workspace=call.workspace,
            mode=call.mode,
            id=_id(call),
            url=body.url,
            topics=body.events,
            description=body.description,
            filter=UNSET if isinstance(body.filter, UnsetType) else filter_in(call, body.filter),
            headers=UNSET if isinstance(body.headers, UnsetType) else headers_in(body.headers),
            batch=body.batch,
            enabled=body.enabled,
        )
    )
    return body_of(call.settings, updated)


async def delete_webhook(call: Call) -> None:
    """Removes a webhook for good, with its deliveries and whatever still waits."""
    await call.write(webhooks.DeleteEndpoint(workspace=call.workspace, mode=call.mode, id=_id(call)))


async def enable_webhook(call: Call) -> WebhookBody:
    """Enables a webhook that was disabled and forgets its failures; what still waits is sent."""
    enabled = await call.write(
        webhooks.UpdateEndpoint(workspace=call.workspace, mode=call.mode, id=_id(call), enabled=True)
    )
    return body_of(call.settings, enabled)


async def rotate_webhook_secret(call: Call) -> WebhookWithSecret:
    """Gives a webhook a new secret, which is shown this once.

    For 24 hours the former one signs too, so that the receiver can change over at leisure. Rotating again meanwhile
    ends the oldest.
    """
    made = await call.write(webhooks.RotateSecret(workspace=call.workspace, mode=call.mode, id=_id(call)))
    return with_secret(call.settings, made)


def _id(call: Call) -> str:
    return bare(WEBHOOK, call.path["id"])


_ID = {"id": WebhookId}
ENDPOINTS = (
    Endpoint("GET", "/webhooks", list_webhooks, scope="webhooks:read"),
    Endpoint("POST", "/webhooks", create_webhook, scope="webhooks:write", status=201),
    Endpoint("GET", "/webhooks/{id}", get_webhook, scope="webhooks:read", parts=_ID),
    Endpoint("PATCH", "/webhooks/{id}", update_webhook, scope="webhooks:write", parts=_ID),
    Endpoint("DELETE", "/webhooks/{id}", delete_webhook, scope="webhooks:write", status=204, parts=_ID),
    Endpoint("POST", "/webhooks/{id}/enable", enable_webhook, scope="webhooks:write", parts=_ID),
    Endpoint("POST", "/webhooks/{id}/rotate-secret", rotate_webhook_secret, scope="webhooks:write", parts=_ID),
)
