"""What can be asked of keys, and what they learn from accounts."""

from datetime import UTC, datetime, timedelta

import msgspec

from services.keys import grants, networks, store, store_uses
from services.keys.plans import PLANS
from shared import credentials, ids, outbox
from shared.contracts.accounts import GetWorkspace, Workspace, WorkspaceChanged
from shared.contracts.keys import (
    Check,
    CheckKey,
    CreateKey,
    GetKey,
    GetKeyUsage,
    Key,
    KeyCreated,
    KeyRevoked,
    KeyRotated,
    Keys,
    KeyUsage,
    Leak,
    LeakState,
    ListKeys,
    NewKey,
    PlanChanged,
    RecordUses,
    ReportLeak,
    RevokeKey,
    RotateKey,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Listener, Service, read, whole, write

# Revoked and expired keys stay in the list for as long as they are among the newest so many of their workspace.
LISTED_FORMER_KEYS = 200
USAGE_DAYS = 90


async def create_key(service: Service, ask: CreateKey) -> NewKey:
    now = datetime.now(UTC)
    secret = credentials.mint(ask.style, ask.mode)
    key = _new_key(ask, secret, now)
    workspace = await _workspace(service, ask.workspace, ask.user)
    tier = workspace.tier
    async with service.transaction() as tx:
        await _take_over(tx, workspace)
        await store.lock_plan(tx, ask.workspace)
        if await store.count_active_keys(tx, ask.workspace, now) >= PLANS[tier].active_keys:
            raise Fault(Code.FORBIDDEN, f"The {tier} tier allows {PLANS[tier].active_keys} active keys")
        digest = credentials.digest(secret)
        await store.insert_key(tx, key, digest)
        await outbox.tell(tx, KeyCreated(key=key, digest=digest))
    return NewKey(key=key, secret=secret)


async def rotate_key(service: Service, ask: RotateKey) -> NewKey:
    now = datetime.now(UTC)
    if not ids.valid(ask.id):
        raise _absent()
    async with service.transaction() as tx:
        stored = await store.lock_key(tx, ask.workspace, ask.id)
        if stored is None:
            raise _absent()
        if stored.key.revoked_at or (stored.key.expires_at and stored.key.expires_at <= now):
            raise Fault(Code.IMPOSSIBLE, "A key that is revoked or expired cannot be rotated", field="id")
        secret = credentials.mint(stored.key.style, stored.key.mode)
        rotated = _rotated(stored, secret, now, timedelta(seconds=ask.overlap.seconds) / service.settings.time_scale)
        await store.update_secret(tx, rotated)
        digests = (rotated.digest, *_digests(stored))
        await outbox.tell(tx, KeyRotated(key=rotated.key, digests=digests))
    return NewKey(key=rotated.key, secret=secret)


async def check_key(db: Connection, ask: CheckKey) -> Check:
    return Check(verdict=await store.find_verdict(db, ask.digest, datetime.now(UTC)))


async def get_key(db: Connection, ask: GetKey) -> Key:
    key = await store.find_key(db, ask.workspace, ask.id) if ids.valid(ask.id) else None
    if key is None:
        raise _absent()
    return key


async def list_keys(db: Connection, ask: ListKeys) -> Keys:
    return Keys(keys=tuple(await store.list_keys(db, ask.workspace, datetime.now(UTC), LISTED_FORMER_KEYS)))


async def revoke_key(tx: Connection, ask: RevokeKey) -> Key:
    if not ids.valid(ask.id):
        raise _absent()
    revoked = await store.update_revoked(tx, ask.workspace, ask.id, datetime.now(UTC))
    if revoked:
        await _tell_revoked(tx, revoked)
        return revoked.key
    key = await store.find_key(tx, ask.workspace, ask.id)
    if key is None:
        raise _absent()
    return key


async def report_leak(tx: Connection, ask: ReportLeak) -> Leak:
    now = datetime.now(UTC)
    stored = await store.lock_secret(tx, ask.digest)
    if stored is None:
        raise Fault(Code.NOT_FOUND, "No key has this secret, or had it before its last rotation")
    if stored.key.revoked_at:
        return Leak(key=stored.key, state=LeakState.REVOKED_BEFORE)
    ends_at = stored.key.former_ends_at
    if stored.digest != ask.digest and ends_at and ends_at <= now:
        return Leak(key=stored.key, state=LeakState.ENDED)
    revoked = await store.update_revoked(tx, stored.key.workspace, stored.key.id, now)
    assert revoked, "its row is locked"
    await _tell_revoked(tx, revoked)
    return Leak(key=revoked.key, state=LeakState.REVOKED)


async def get_key_usage(db: Connection, ask: GetKeyUsage) -> KeyUsage:
    if not 1 <= ask.days <= USAGE_DAYS:
        raise Fault(Code.INVALID, f"The usage of a key is told for 1 to {USAGE_DAYS} days", field="days")
    today = datetime.now(UTC).date()
    days = await store_uses.list_days(db, ask.workspace, ask.id, today, ask.days) if ids.valid(ask.id) else []
    # In this order, no use is counted that came after the last one.
    return KeyUsage(key=await get_key(db, GetKey(workspace=ask.workspace, id=ask.id)), days=tuple(days))


async def record_uses(tx: Connection, ask: RecordUses) -> None:
    if not await store_uses.insert_report(tx, ask.reporter, ask.number, datetime.now(UTC)):
        return
    await store_uses.update_last_uses(tx, ask.uses)
    await store_uses.add_days(tx, ask.uses)


async def take_over_tier(tx: Connection, event: WorkspaceChanged) -> None:
    """A lower tier leaves the keys there are alone; only new ones are refused."""
    await _take_over(tx, event.workspace)


async def _take_over(tx: Connection, workspace: Workspace) -> None:
    if not await store.insert_plan(tx, workspace) and await store.update_plan(tx, workspace):
        await outbox.tell(tx, PlanChanged(workspace=workspace.id))


async def _workspace(service: Service, workspace: str, user: str) -> Workspace:
    account = await service.bus.ask(GetWorkspace(workspace=workspace))
    if account.user.id != user:
        # Absent and foreign look the same from outside, so ids cannot be guessed at.
        raise Fault(Code.NOT_FOUND, "There is no such workspace")
    return account.workspace


def _new_key(ask: CreateKey, secret: str, now: datetime) -> Key:
    return Key(
        id=ids.new(),
        workspace=ask.workspace,
        user=ask.user,
        name=grants.check_name(ask.name),
        description=grants.check_description(ask.description),
        style=ask.style,
        mode=ask.mode,
        scopes=grants.check_scopes(ask.scopes),
        limit=grants.check_limit(ask.limit),
        window=ask.window,
        prefix=credentials.prefix(secret),
        last_four=credentials.last_four(secret),
        created_at=now,
        expires_at=grants.expiry(now, ask.expires_in_seconds),
        allowlist=networks.check(ask.allowlist),
    )


def _rotated(stored: store.Stored, secret: str, now: datetime, overlap: timedelta) -> store.Stored:
    key = msgspec.structs.replace(
        stored.key,
        prefix=credentials.prefix(secret),
        last_four=credentials.last_four(secret),
        rotated_at=now,
        former_ends_at=now + overlap,
    )
    return store.Stored(key, credentials.digest(secret), stored.digest)


async def _tell_revoked(tx: Connection, revoked: store.Stored) -> None:
    await outbox.tell(tx, KeyRevoked(key=revoked.key, digest=revoked.digest, former_digest=revoked.former_digest))


def _digests(stored: store.Stored) -> tuple[bytes, ...]:
    return (stored.digest,) if stored.former_digest is None else (stored.digest, stored.former_digest)


def _absent() -> Fault:
    # Absent and foreign look the same from outside, so ids cannot be guessed at.
    return Fault(Code.NOT_FOUND, "There is no such key")


HANDLERS = (
    whole(create_key),
    whole(rotate_key),
    read(check_key),
    read(get_key),
    read(list_keys),
    read(get_key_usage),
    write(revoke_key),
    write(report_leak),
    write(record_uses),
)
LISTENERS = (Listener(WorkspaceChanged, take_over_tier),)
