"""The SQL of analytics: one function per statement. The roll-ups by day and the visitors have stores of their own."""

from collections.abc import AsyncIterable, Sequence
from datetime import date, datetime

from services.analytics import visits
from services.analytics.rollups import LinkTotal, ProfileTotal
from shared.contracts.analytics import Day
from shared.contracts.links import Total
from shared.contracts.modes import Mode
from shared.contracts.profile import Views
from shared.database import Connection


async def insert_batches(tx: Connection, batches: Sequence[str]) -> list[str]:
    """Those that have not been counted before. They are given sorted, so that two copies cannot end in a deadlock."""
    rows = await tx.fetch(
        "insert into batches (id) select unnest($1::text[]) on conflict do nothing returning id", batches
    )
    return [row["id"] for row in rows]


async def insert_visits(tx: Connection, lines: AsyncIterable[bytes]) -> None:
    """``lines`` as `visits.line` makes them, any number at a time."""
    await tx.copy_to_table("visits", source=lines, columns=visits.COLUMNS)


async def upsert_link_totals(tx: Connection, rows: Sequence[LinkTotal]) -> None:
    if not rows:
        return
    await tx.execute(
        """
        insert into link_totals as kept (link, clicks)
        select * from unnest($1::text[], $2::bigint[])
        on conflict (link) do update set clicks = kept.clicks + excluded.clicks
        """,
        *zip(*rows, strict=True),
    )


async def upsert_profile_totals(tx: Connection, rows: Sequence[ProfileTotal]) -> None:
    if not rows:
        return
    await tx.execute(
        """
        insert into profile_totals as kept (workspace, mode, views)
        select * from unnest($1::text[], $2::text[], $3::bigint[])
        on conflict (workspace, mode) do update set views = kept.views + excluded.views
        """,
        *zip(*rows, strict=True),
    )


async def count_dead_letters(db: Connection) -> int:
    number: int = await db.fetchval("select count(*) from dead_letters")
    return number


async def insert_dead_letter(tx: Connection, letter: str, payload: bytes, reason: str) -> None:
    """The same letter is kept once."""
    await tx.execute(
        "insert into dead_letters (id, payload, reason) values ($1, $2, $3) on conflict do nothing",
        letter,
        payload,
        reason,
    )


async def list_workspace_days(db: Connection, workspace: str, mode: Mode, first: date, last: date) -> dict[date, Day]:
    """The days on which there was something to count, bots left out."""
    rows = await db.fetch(
        "select day, views, clicks from workspace_days where workspace = $1 and mode = $2 and day between $3 and $4",
        workspace,
        mode,
        first,
        last,
    )
    return {row["day"]: Day(date=row["day"], views=row["views"], clicks=row["clicks"]) for row in rows}


async def try_lock(tx: Connection, table: str) -> bool:
    """May this copy work through the table now? True for one transaction at a time."""
    # The table's own number, so that nobody else in the database means something different by it.
    return bool(await tx.fetchval("select pg_try_advisory_xact_lock($1::regclass::oid::integer, 0)", table))


async def list_due_links(tx: Connection, after: str, most: int) -> list[Total]:
    rows = await tx.fetch(
        "select link, clicks from link_totals where due and link > $1 order by link limit $2", after, most
    )
    return [Total(link=row["link"], clicks=row["clicks"]) for row in rows]


async def update_reported_links(tx: Connection, totals: Sequence[Total]) -> None:
    await tx.execute(
        """
        with sent as (
            select link, told.clicks
            from unnest($1::text[], $2::bigint[]) as told (link, clicks) join link_totals using (link)
            order by link for update of link_totals
        )
        update link_totals as kept set reported = greatest(kept.reported, sent.clicks)
        from sent where kept.link = sent.link
        """,
        [total.link for total in totals],
        [total.clicks for total in totals],
    )


async def list_due_profiles(tx: Connection, workspace: str, mode: str, most: int) -> list[Views]:
    """Those that come after the given one."""
    rows = await tx.fetch(
        """
        select workspace, mode, views from profile_totals
        where due and (workspace, mode) > ($1, $2) order by workspace, mode limit $3
        """,
        workspace,
        mode,
        most,
    )
    return [Views(workspace=row["workspace"], mode=Mode(row["mode"]), views=row["views"]) for row in rows]


async def update_reported_profiles(tx: Connection, totals: Sequence[Views]) -> None:
    await tx.execute(
        """
        with sent as (
            select workspace, mode, told.views
            from unnest($1::text[], $2::text[], $3::bigint[]) as told (workspace, mode, views)
                join profile_totals using (workspace, mode)
            order by workspace, mode for update of profile_totals
        )
        update profile_totals as kept set reported = greatest(kept.reported, sent.views)
        from sent where kept.workspace = sent.workspace and kept.mode = sent.mode
        """,
        [total.workspace for total in totals],
        [total.mode for total in totals],
        [total.views for total in totals],
    )


async def make_partition(db: Connection, day: date) -> bool:
    """True when the partition of raw visits has been made just now."""
    return bool(await db.fetchval("select make_visits_partition($1)", day))


async def drop_partitions(db: Connection, first_kept: date) -> int:
    """How many partitions of days before ``first_kept`` have been dropped."""
    return int(await db.fetchval("select drop_visits_partitions($1)", first_kept))


async def delete_stray_visits(db: Connection, before: datetime, most: int) -> int:
    """Of the visits without a partition; how many have been deleted."""
    done = await db.execute(
        """
        delete from visits_default
        where ctid = any(array(select ctid from visits_default where at < $1 limit $2 for update skip locked))
        """,
        before,
        most,
    )
    return int(done.rpartition(" ")[2])


async def delete_batches(db: Connection, before: datetime, most: int) -> int:
    """How many have been forgotten."""
    done = await db.execute(
        """
        delete from batches
        where id = any(array(
            select id from batches where stored_at < $1 order by stored_at limit $2 for update skip locked
        ))
        """,
        before,
        most,
    )
    return int(done.rpartition(" ")[2])
