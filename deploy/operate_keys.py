"""What the operator asks of the keys service. A secret is shown when it is made, and never again."""

import msgspec

from deploy.local.data_dir import DataDir
from deploy.local.trouble import Trouble
from deploy.operate import Answer, bare_id, bus_of
from shared import credentials
from shared.bus import Bus
from shared.contracts import accounts, keys
from shared.contracts.keys import Key, NewKey
from shared.contracts.modes import Mode

_PREFIX = "key_"


class WantedKey(msgspec.Struct, frozen=True, kw_only=True):
    username: str
    style: keys.Style
    mode: Mode
    scopes: tuple[str, ...]
    limit: int | None  # None: the tier's
    window: keys.Window
    expires_in_seconds: float | None
    name: str
    allowlist: tuple[str, ...] = ()


async def create_key(data: DataDir, wanted: WantedKey) -> Answer:
    async with bus_of(data) as bus:
        account = await bus.ask(accounts.FindUser(username=wanted.username))
        made = await bus.ask(
            keys.CreateKey(
                workspace=account.workspace.id,
                user=account.user.id,
                style=wanted.style,
                mode=wanted.mode,
                scopes=wanted.scopes,
                limit=wanted.limit,
                window=wanted.window,
                expires_in_seconds=wanted.expires_in_seconds,
                name=wanted.name,
                allowlist=wanted.allowlist,
            )
        )
        limit = await _limit_of(bus, made)
    return {
        "id": _PREFIX + made.key.id,
        "key": made.secret,
        "style": made.key.style,
        "mode": made.key.mode,
        "scopes": made.key.scopes,
        "limit": limit,
        "window": made.key.window,
        "expiresAt": made.key.expires_at,
        "name": made.key.name,
        "allowlist": made.key.allowlist,
    }


async def rotate_key(data: DataDir, given: str, overlap: keys.Overlap) -> Answer:
    bare = bare_id(given, _PREFIX, "a key")
    async with bus_of(data) as bus:
        made = await bus.ask(keys.RotateKey(id=bare, overlap=overlap))
    return {
        "id": _PREFIX + made.key.id,
        "key": made.secret,
        "name": made.key.name,
        "rotatedAt": made.key.rotated_at,
        "formerSecretEndsAt": made.key.former_ends_at,
    }


async def revoke_key(data: DataDir, given: str) -> Answer:
    bare = bare_id(given, _PREFIX, "a key")
    async with bus_of(data) as bus:
        key = await bus.ask(keys.RevokeKey(id=bare))
    return {"id": _PREFIX + key.id, "state": "revoked"}


async def report_leak(data: DataDir, secret: str) -> Answer:
    """Only what the secret is recognised by leaves this process."""
    if credentials.parse(secret) is None:
        raise Trouble("This is no key: its shape or its checksum is wrong. Is all of it there?")
    async with bus_of(data) as bus:
        leak = await bus.ask(keys.ReportLeak(digest=credentials.digest(secret)))
    return {
        "id": _PREFIX + leak.key.id,
        "workspace": f"ws_{leak.key.workspace}",
        "name": leak.key.name,
        "revoked": leak.key.revoked_at is not None,
        "state": leak.state,
        "revokedAt": leak.key.revoked_at,
        "lastUsedAt": leak.key.last_used_at,
    }


async def list_keys(data: DataDir, username: str) -> Answer:
    async with bus_of(data) as bus:
        account = await bus.ask(accounts.FindUser(username=username))
        found = await bus.ask(keys.ListKeys(workspace=account.workspace.id))
    return {
        "username": account.user.username,
        "workspace": f"ws_{account.workspace.id}",
        "keys": [_listed(key) for key in found.keys],
    }


def _listed(key: Key) -> Answer:
    return {
        "id": _PREFIX + key.id,
        "name": key.name,
        "prefix": key.prefix,
        "lastFour": key.last_four,
        "mode": key.mode,
        "scopes": key.scopes,
        "limit": key.limit,  # null: the tier's
        "window": key.window,
        "allowlist": key.allowlist,
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "lastUsedAt": key.last_used_at,
        "rotatedAt": key.rotated_at,
        "formerSecretEndsAt": key.former_ends_at,
        "revokedAt": key.revoked_at,
    }


async def _limit_of(bus: Bus, made: NewKey) -> int | None:
    """Requests per window, as the gateway will hear it: the key's own number or its tier's."""
    check = await bus.ask(keys.CheckKey(digest=credentials.digest(made.secret)))
    return check.verdict.key_limit if check.verdict else made.key.limit
