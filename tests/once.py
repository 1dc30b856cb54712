"""Writes that may be repeated, as a gateway would hand them to a service."""

import hashlib
from datetime import UTC, datetime

from shared.contracts.modes import Mode
from shared.once import Once


def once(
    key: str,
    request: str = "a request",
    *,
    workspace: str = "somebody",
    mode: Mode = Mode.LIVE,
    asked_at: datetime | None = None,
) -> Once:
    return Once(
        workspace=workspace,
        mode=mode,
        key=key,
        fingerprint=hashlib.sha256(request.encode()).digest(),
        asked_at=asked_at or datetime.now(UTC),
    )
