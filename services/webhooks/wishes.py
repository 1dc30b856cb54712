"""Whether a workspace wants to be told of clicks: there are too many to tell them where nobody listens."""

from services.webhooks import store
from shared import outbox
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted
from shared.database import Connection
from shared.service import Service


async def tell(tx: Connection, workspace: str, mode: Mode) -> None:
    """After endpoints of a workspace have changed, which is locked."""
    changed = await store.update_clicks_wanted(tx, workspace, mode)
    if changed:
        wanted, version = changed
        await outbox.tell(tx, ClicksWanted(workspace=workspace, mode=mode, wanted=wanted, version=version))


async def mend(service: Service) -> None:
    """What counts as wanting clicks is not the same in every release, and was judged when endpoints last changed."""
    most = service.settings.housekeeping_rows
    mended = most
    while mended == most:
        async with service.database.connection() as db:
            misjudged = await store.list_misjudged_workspaces(db, most)
        for workspace, mode in misjudged:
            async with service.transaction() as tx:
                await store.lock_workspace(tx, workspace, mode)
                await tell(tx, workspace, mode)
        mended = len(misjudged)
