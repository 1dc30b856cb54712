"""Questions about endpoints."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET

from services.webhooks import fields, guard, signature, store, vault, wishes
from services.webhooks.store import Sealed, Stored
from services.webhooks.vault import Vault
from shared import ids
from shared.contracts.webhooks import (
    CreateEndpoint,
    DeleteEndpoint,
    Endpoint,
    EndpointPage,
    GetEndpoint,
    ListEndpoints,
    NewEndpoint,
    Reason,
    RotateSecret,
    UpdateEndpoint,
)
from shared.database import Connection
from shared.destinations import OwnHosts
from shared.faults import Code, Fault
from shared.service import Service


async def create_endpoint(service: Service, ask: CreateEndpoint) -> NewEndpoint:
    settings = service.settings
    endpoint = _new_endpoint(ask, OwnHosts.of(settings), datetime.now(UTC))
    headers = fields.headers(ask.headers)
    await guard.check_url(endpoint.url, settings)
    secret = signature.new_secret()
    endpoint = msgspec.structs.replace(endpoint, secret_hint=vault.hint(secret))
    sealer = Vault(settings.secret_key)
    sealed = Sealed(headers=sealer.seal_headers(endpoint.id, headers), secret=sealer.seal_secret(endpoint.id, secret))
    async with service.transaction() as tx:
        await store.lock_workspace(tx, ask.workspace, ask.mode)
        if await store.count_endpoints(tx, ask.workspace, ask.mode) >= settings.webhook_endpoints_most:
            raise Fault(Code.FORBIDDEN, f"A workspace has at most {settings.webhook_endpoints_most} endpoints")
        await store.insert_endpoint(tx, endpoint, sealed)
        await wishes.tell(tx, ask.workspace, ask.mode)
    return NewEndpoint(endpoint=endpoint, secret=secret)


async def get_endpoint(db: Connection, ask: GetEndpoint) -> Endpoint:
    endpoint = await store.find_endpoint(db, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if endpoint is None:
        raise absent()
    return endpoint


async def list_endpoints(db: Connection, ask: ListEndpoints) -> EndpointPage:
    fields.check_page(ask.limit, ask.offset)
    endpoints, total = await store.list_endpoints(db, ask.workspace, ask.mode, ask.limit, ask.offset)
    return EndpointPage(endpoints=endpoints, total=total)


async def update_endpoint(service: Service, ask: UpdateEndpoint) -> Endpoint:
    values = _checked(ask, OwnHosts.of(service.settings))
    if "url" in values:
        await guard.check_url(values["url"], service.settings)
    now = datetime.now(UTC)
    async with service.transaction() as tx:
        stored = await _locked(tx, ask)
        endpoint = _changed(stored.endpoint, values, now)
        sealed = stored.sealed
        if ask.headers is not UNSET:
            headers = Vault(service.settings.secret_key).seal_headers(ask.id, ask.headers)
            sealed = msgspec.structs.replace(sealed, headers=headers)
        await store.update_endpoint(tx, endpoint, sealed)
        if endpoint.enabled and not stored.endpoint.enabled:
            await store.forget_failures(tx, ask.id, now)
            endpoint = msgspec.structs.replace(endpoint, failures=0)
        await wishes.tell(tx, ask.workspace, ask.mode)
    return endpoint


async def delete_endpoint(tx: Connection, ask: DeleteEndpoint) -> None:
    await _locked(tx, ask)
    await store.delete_endpoint(tx, ask.workspace, ask.mode, ask.id, datetime.now(UTC))
    await wishes.tell(tx, ask.workspace, ask.mode)


async def rotate_secret(service: Service, ask: RotateSecret) -> NewEndpoint:
    settings = service.settings
    now = datetime.now(UTC)
    secret = signature.new_secret()
    async with service.transaction() as tx:
        stored = await _locked(tx, ask)
        endpoint = msgspec.structs.replace(
            stored.endpoint,
            secret_hint=vault.hint(secret),
            rotated_at=now,
            former_ends_at=now + timedelta(seconds=settings.webhook_overlap_seconds) / settings.time_scale,
            updated_at=now,
        )
        sealed = msgspec.structs.replace(
            stored.sealed,
            secret=Vault(settings.secret_key).seal_secret(ask.id, secret),
            former_secret=stored.sealed.secret,
        )
        await store.update_endpoint(tx, endpoint, sealed)
    return NewEndpoint(endpoint=endpoint, secret=secret)


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such webhook")


async def _locked(tx: Connection, ask: UpdateEndpoint | DeleteEndpoint | RotateSecret) -> Stored:
    if not ids.valid(ask.id):
        raise absent()
    await store.lock_workspace(tx, ask.workspace, ask.mode)
    stored = await store.lock_endpoint(tx, ask.workspace, ask.mode, ask.id)
    if stored is None:
        raise absent()
    return stored


def _new_endpoint(ask: CreateEndpoint, own: OwnHosts, now: datetime) -> Endpoint:
    return Endpoint(
        id=ids.new(now.timestamp()),
        workspace=ask.workspace,
        mode=ask.mode,
        url=fields.url(ask.url, own),
        description=fields.description(ask.description),
        topics=fields.topics(ask.topics),
        filter=fields.filter_of(ask.filter, own),
        header_names=tuple(header.name for header in ask.headers),
        batch=ask.batch,
        enabled=ask.enabled,
        reason=None if ask.enabled else Reason.OWNER,
        disabled_at=None if ask.enabled else now,
        created_at=now,
        updated_at=now,
        secret_hint="",
    )


def _checked(ask: UpdateEndpoint, own: OwnHosts) -> dict[str, Any]:
    """The values that are given, by the names that they have in `Endpoint`."""
    values: dict[str, Any] = {}
    if ask.url is not UNSET:
        values["url"] = fields.url(ask.url, own)
    if ask.topics is not UNSET:
        values["topics"] = fields.topics(ask.topics)
    if ask.description is not UNSET:
        values["description"] = fields.description(ask.description)
    if ask.filter is not UNSET:
        values["filter"] = fields.filter_of(ask.filter, own)
    if ask.headers is not UNSET:
        values["header_names"] = tuple(header.name for header in fields.headers(ask.headers))
    if ask.batch is not UNSET:
        values["batch"] = ask.batch
    if ask.enabled is not UNSET:
        values["enabled"] = ask.enabled
    return values


def _changed(before: Endpoint, values: dict[str, Any], now: datetime) -> Endpoint:
    endpoint = msgspec.structs.replace(before, **values, updated_at=now)
    if endpoint.enabled and not before.enabled:
        return msgspec.structs.replace(endpoint, reason=None, disabled_at=None)
    if before.enabled and not endpoint.enabled:
        return msgspec.structs.replace(endpoint, reason=Reason.OWNER, disabled_at=now)
    return endpoint
