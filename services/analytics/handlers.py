"""What can be asked of analytics."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from services.analytics import days, reports, store, store_days, tallies, wishes
from services.analytics.store_days import Counted, Shorter
from services.analytics.tallies import Details
from shared.contracts.analytics import Day, GetOverview, GetReport, Interval, Overview, Report
from shared.contracts.webhooks import ClicksWanted
from shared.service import Listener, Service, whole


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
        details = {day.day: tallies.read(day.details) for day in counted}
        # By the first report that reads them: nobody else has to look for days that are over, and most are never read.
        shorter = _shorten(counted, details, datetime.now(UTC).date(), settings.values_per_past_day)
        if shorter and ask.link is None:
            await store_days.update_workspace_details(db, ask.workspace, ask.mode, shorter)
        elif shorter and ask.link is not None:
            await store_days.update_link_details(db, ask.workspace, ask.mode, ask.link, shorter)
    return reports.write(counted, details, first, last, ask.interval)


def _shorten(counted: Sequence[Counted], details: dict[date, Details], today: date, most: int) -> list[Shorter]:
    """Those of the days before ``today`` that are longer than they need to be; their ``details`` no longer are."""
    return [
        Shorter(day.day, before=day.details, after=tallies.write(details[day.day]))
        for day in counted
        if day.day < today and tallies.shorten(details[day.day], most)
    ]


HANDLERS = (whole(get_overview), whole(get_report))
LISTENERS = (Listener(ClicksWanted, wishes.take_over),)
