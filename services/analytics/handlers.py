"""What can be asked of analytics."""

from services.analytics import days, reports, store, store_days
from shared.contracts.analytics import Day, GetOverview, GetReport, Overview, Report
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


async def get_report(db: Connection, ask: GetReport) -> Report:
    first, last = days.covered(ask.start, ask.end, ask.interval)
    if ask.link is None:
        counted = await store_days.list_days_of_workspace(db, ask.workspace, ask.mode, first, last)
    else:
        counted = await store_days.list_days_of_link(db, ask.workspace, ask.mode, ask.link, first, last)
    return reports.write(counted, first, last, ask.interval)


HANDLERS = (read(get_overview), read(get_report))
