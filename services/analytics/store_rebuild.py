"""The SQL of making a day's roll-ups anew. All of it happens in one transaction, which holds the day for itself."""

from collections.abc import Collection
from datetime import date, timedelta

from asyncpg.cursor import Cursor

from shared.database import Connection

_LOCKS = 366  # Days that far apart share one, so that visits of many days at once do not fill the server's table.


async def share_days(tx: Connection, days: Collection[int]) -> None:
    """Whoever counts visits of these days (numbers since 1970) says so first, and waits while one is made anew."""
    await tx.execute(
        """
        select pg_advisory_xact_lock_shared('visits'::regclass::oid::integer, place)
        from unnest($1::integer[]) as place
        """,
        sorted({day % _LOCKS for day in days}),
    )


async def take_day(tx: Connection, day: int) -> None:
    """Returns when all who count visits of that day are done; others wait until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock('visits'::regclass::oid::integer, $1)", day % _LOCKS)


async def take_time(tx: Connection) -> None:
    """A whole day takes longer than a question may."""
    await tx.execute(
        """
        select set_config(name, '0', true)
        from unnest(array['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) as name
        """
    )


async def has_visits(tx: Connection, day: date) -> bool:
    """Are the raw visits of that day still kept?"""
    return bool(await tx.fetchval("select to_regclass($1) is not null", f"visits_{day:%Y%m%d}"))


async def list_kept_days(db: Connection) -> list[date]:
    """The days whose raw visits are kept, oldest first."""
    rows = await db.fetch(
        """
        select to_date(right(child.relname, 8), 'YYYYMMDD') as day
        from pg_inherits kin join pg_class child on child.oid = kin.inhrelid
        where kin.inhparent = 'visits'::regclass and child.relname ~ '^visits_[0-9]{8}$'
        order by day
        """
    )
    return [row["day"] for row in rows]


async def open_visits(tx: Connection, day: date) -> Cursor:
    """In the order in which they were made."""
    cursor: Cursor = await tx.cursor(
        """
        select at, workspace, mode, kind, link, visitor, bot, took_us, user_agent, referrer, language, query,
               country, region, code
        from visits
        where at >= $1::date::timestamp at time zone 'UTC' and at < $2::date::timestamp at time zone 'UTC'
        order by at, ctid
        """,
        day,
        day + timedelta(days=1),
    )
    return cursor


async def empty_link_days(tx: Connection, day: date) -> None:
    """They stay as rows, so that it is still known which totals they are part of."""
    await tx.execute(
        """
        update link_days
        set clicks = 0, bots = 0, took_us = 0, uniques = 0, entries = 0, bounces = 0, details = ''
        where day = $1
        """,
        day,
    )


async def empty_workspace_days(tx: Connection, day: date) -> None:
    await tx.execute(
        """
        update workspace_days
        set clicks = 0, bots = 0, views = 0, view_bots = 0, took_us = 0, uniques = 0, entries = 0, bounces = 0,
            details = ''
        where day = $1
        """,
        day,
    )


async def delete_visitors(tx: Connection, day: date) -> None:
    await tx.execute("delete from visitors where day = $1", day)


async def delete_visitor_links(tx: Connection, day: date) -> None:
    await tx.execute("delete from visitor_links where day = $1", day)


async def insert_link_totals(tx: Connection, day: date) -> None:
    """Those of the day's links: made where there are none, and locked, so that they can be summed up in peace."""
    await tx.execute(
        """
        insert into link_totals as kept (link, clicks)
        select distinct counted.link, 0 from link_days counted
        where counted.day = $1
          and (counted.clicks > 0 or exists (select from link_totals total where total.link = counted.link))
        order by counted.link
        on conflict (link) do update set clicks = kept.clicks where false
        """,
        day,
    )


async def update_link_totals(tx: Connection, day: date) -> None:
    """Of the day's links, all locked: the sum over all days. Who counts on at the same time adds to it afterwards."""
    await tx.execute(
        """
        with sums as (
            select every.link, sum(every.clicks) as clicks
            from link_days counted join link_days every using (workspace, mode, link)
            where counted.day = $1
            group by every.link
        )
        update link_totals as kept set clicks = sums.clicks
        from sums where kept.link = sums.link and kept.clicks <> sums.clicks
        """,
        day,
    )


async def insert_profile_totals(tx: Connection, day: date) -> None:
    """Like `insert_link_totals`."""
    await tx.execute(
        """
        insert into profile_totals as kept (workspace, mode, views)
        select counted.workspace, counted.mode, 0 from workspace_days counted
        where counted.day = $1 and (counted.views > 0 or exists (
            select from profile_totals total
            where total.workspace = counted.workspace and total.mode = counted.mode
        ))
        order by counted.workspace, counted.mode
        on conflict (workspace, mode) do update set views = kept.views where false
        """,
        day,
    )


async def update_profile_totals(tx: Connection, day: date) -> None:
    """Like `update_link_totals`."""
    await tx.execute(
        """
        with sums as (
            select every.workspace, every.mode, sum(every.views) as views
            from workspace_days counted join workspace_days every using (workspace, mode)
            where counted.day = $1
            group by every.workspace, every.mode
        )
        update profile_totals as kept set views = sums.views
        from sums where kept.workspace = sums.workspace and kept.mode = sums.mode and kept.views <> sums.views
        """,
        day,
    )


async def delete_empty_link_days(tx: Connection, day: date) -> None:
    await tx.execute("delete from link_days where day = $1 and clicks = 0 and bots = 0", day)


async def delete_empty_workspace_days(tx: Connection, day: date) -> None:
    await tx.execute(
        "delete from workspace_days where day = $1 and clicks = 0 and bots = 0 and views = 0 and view_bots = 0", day
    )
