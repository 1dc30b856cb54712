"""Whether a workspace wants to be told of clicks: there are too many to tell them where nobody listens."""

from services.webhooks import store
from shared import outbox
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted
from shared.database import Connection


async def tell(tx: Connection, workspace: str, mode: Mode) -> None:
    """After endpoints of a workspace have changed, which is locked."""
    changed = await store.update_clicks_wanted(tx, workspace, mode)
    if changed:
        wanted, version = changed
        await outbox.tell(tx, ClicksWanted(workspace=workspace, mode=mode, wanted=wanted, version=version))
