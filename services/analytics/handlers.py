"""What can be asked of analytics."""

from services.analytics import days, store
from shared.contracts.analytics import Day, GetOverview, Overview
from shared.database import Connection
from shared.service import read


async def get_overview(db: Connection, ask: GetOverview) -> Overview:
    days.check(ask.first, ask.last)
    seen = await store.list_workspace_days(db, ask.workspace, ask.mode, ask.first, ask.last)
    daily = tuple(seen.get(day) or Day(date=day) for day in days.between(ask.first, ask.last))
    return Overview(
        views=sum(day.views for day in daily),
        clicks=sum(day.clicks for day in daily),
        daily=daily,
    )


HANDLERS = (read(get_overview),)
