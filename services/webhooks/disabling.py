"""An endpoint is disabled though its owner has not asked for it."""

from datetime import datetime

import msgspec

from services.webhooks import store, wishes
from shared import outbox
from shared.contracts.modes import Mode
from shared.contracts.webhooks import Endpoint, EndpointDisabled, Reason
from shared.database import Connection


async def disable(
    tx: Connection, workspace: str, mode: Mode, endpoint_id: str, reason: Reason, now: datetime
) -> Endpoint | None:
    """None when it is gone or disabled already. The transaction must not hold locks yet, since the first is the
    workspace's."""
    await store.lock_workspace(tx, workspace, mode)
    stored = await store.lock_endpoint(tx, workspace, mode, endpoint_id)
    if stored is None or not stored.endpoint.enabled:
        return None
    disabled = msgspec.structs.replace(stored.endpoint, enabled=False, reason=reason, disabled_at=now, updated_at=now)
    await store.update_endpoint(tx, disabled, stored.sealed)
    await wishes.tell(tx, workspace, mode)
    await outbox.tell(tx, EndpointDisabled(endpoint=disabled))
    return disabled
