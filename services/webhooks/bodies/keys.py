"""Keys, without their secrets."""

import msgspec

from services.webhooks.bodies.form import encode, moment, perhaps
from shared.contracts.keys import Key, Window
from shared.contracts.modes import Mode


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    limit: int | None  # None: what the workspace's tier allows
    window: Window


class KeyData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    description: str
    mode: Mode
    prefix: str
    last_four: str
    scopes: tuple[str, ...]
    limits: KeyLimits
    allowlist: tuple[str, ...]
    created_at: str
    expires_at: str | None
    rotated_at: str | None
    former_secret_ends_at: str | None
    revoked_at: str | None
    workspace: str


def of_key(key: Key) -> bytes:
    return encode(
        KeyData(
            id=f"key_{key.id}",
            name=key.name,
            description=key.description,
            mode=key.mode,
            prefix=key.prefix,
            last_four=key.last_four,
            scopes=key.scopes,
            limits=KeyLimits(limit=key.limit, window=key.window),
            allowlist=key.allowlist,
            created_at=moment(key.created_at),
            expires_at=perhaps(key.expires_at),
            rotated_at=perhaps(key.rotated_at),
            former_secret_ends_at=perhaps(key.former_ends_at),
            revoked_at=perhaps(key.revoked_at),
            workspace=f"ws_{key.workspace}",
        )
    )
