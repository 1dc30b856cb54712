"""What can be asked of analytics."""

from services.analytics import days, reports, store, store_days
from shared.contracts.analytics import Day, GetOverview, GetReport, Interval, Overview, Report
from shared.service import Service, whole


async def get_overview(service: Service, ask: GetOverview) -> Overview:
    days.check(ask.first, ask.last, service.settings.report_days)
    async with service.database.connection() as db:
        seen = await store.list_workspace_days(db, ask.workspace, ask.mode, ask.first, ask.last)
    daily = tuple(seen.get(day) or Day(date=day) for day in days.between(ask.first, ask.last))
    return Overview(
        views=sum(day.views for day in daily),
        clicks=sum(day.clicks for day in daily),
        daily=daily,
    )


async def get_report(service: Service, ask: GetReport) -> Report:
    settings = service.settings
    most = settings.report_hourly_days if ask.interval is Interval.HOUR else settings.report_days
    first, last = days.covered(ask.start, ask.end, ask.interval, most)
    async with service.database.connection() as db:
        if ask.link is None:
            counted = await store_days.list_days_of_workspace(db, ask.workspace, ask.mode, first, last)
        else:
            counted = await store_days.list_days_of_link(db, ask.workspace, ask.mode, ask.link, first, last)
    return reports.write(counted, first, last, ask.interval)


HANDLERS = (whole(get_overview), whole(get_report))
