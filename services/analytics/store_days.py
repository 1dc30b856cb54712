"""The SQL of the roll-ups by day.

What is counted of a day is written in three steps: `insert` makes the rows that are new and locks the others, `list`
reads what the others have of details, `upsert` adds to them. The order of the locks is the order of the keys.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.analytics.rollups import LinkDay, WorkspaceDay
from shared.contracts.modes import Mode
from shared.database import Connection


class LinkDayRow(NamedTuple):
    workspace: str
    mode: str
    link: str
    day: date
    clicks: int
    bots: int
    took_us: int
    uniques: int
    entries: int
    bounces: int
    details: bytes


class WorkspaceDayRow(NamedTuple):
    workspace: str
    mode: str
    day: date
    clicks: int
    bots: int
    views: int
    view_bots: int
    took_us: int
    uniques: int
    entries: int
    bounces: int
    details: bytes


class Counted(NamedTuple):
    """A day of a link or of a workspace, as reports read it."""

    day: date
    clicks: int
    bots: int
    took_us: int
    uniques: int
    entries: int
    bounces: int
    details: bytes


class Shorter(NamedTuple):
    """The details of a day of which less is to be kept."""

    day: date
    before: bytes
    after: bytes


async def insert_link_days(tx: Connection, rows: Sequence[LinkDayRow]) -> set[LinkDay]:
    """Those that were not there. The others stay as they are, and are locked."""
    made = await tx.fetch(
        """
        insert into link_days as kept (
            workspace, mode, link, day, clicks, bots, took_us, uniques, entries, bounces, details
        )
        select * from unnest(
            $1::text[], $2::text[], $3::text[], $4::date[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bytea[]
        )
        on conflict (workspace, mode, link, day) do update set clicks = kept.clicks where false
        returning workspace, mode, link, day
        """,
        *zip(*rows, strict=True),
    )
    return {LinkDay(*row) for row in made}


async def list_link_details(tx: Connection, days: Sequence[LinkDay]) -> list[bytes]:
    """In the order of the given days, all of which are there."""
    rows = await tx.fetch(
        """
        select (
            select kept.details from link_days kept
            where kept.workspace = wanted.workspace and kept.mode = wanted.mode
              and kept.link = wanted.link and kept.day = wanted.day
        )
        from unnest($1::text[], $2::text[], $3::text[], $4::date[])
            with ordinality as wanted (workspace, mode, link, day, place)
        order by place
        """,
        *zip(*days, strict=True),
    )
    return [row["details"] for row in rows]


async def upsert_link_days(tx: Connection, rows: Sequence[LinkDayRow]) -> None:
    """Adds the numbers to those that are there; the details are taken as they are given."""
    await tx.execute(
        """
        insert into link_days as kept (
            workspace, mode, link, day, clicks, bots, took_us, uniques, entries, bounces, details
        )
        select * from unnest(
            $1::text[], $2::text[], $3::text[], $4::date[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bytea[]
        )
        on conflict (workspace, mode, link, day) do update
        set clicks = kept.clicks + excluded.clicks, bots = kept.bots + excluded.bots,
            took_us = kept.took_us + excluded.took_us, uniques = kept.uniques + excluded.uniques,
            entries = kept.entries + excluded.entries, bounces = kept.bounces + excluded.bounces,
            details = excluded.details
        """,
        *zip(*rows, strict=True),
    )


async def insert_workspace_days(tx: Connection, rows: Sequence[WorkspaceDayRow]) -> set[WorkspaceDay]:
    """Those that were not there. The others stay as they are, and are locked."""
    made = await tx.fetch(
        """
        insert into workspace_days as kept (
            workspace, mode, day, clicks, bots, views, view_bots, took_us, uniques, entries, bounces, details
        )
        select * from unnest(
            $1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[]
        )
        on conflict (workspace, mode, day) do update set clicks = kept.clicks where false
        returning workspace, mode, day
        """,
        *zip(*rows, strict=True),
    )
    return {WorkspaceDay(*row) for row in made}


async def list_workspace_details(tx: Connection, days: Sequence[WorkspaceDay]) -> list[bytes]:
    """In the order of the given days, all of which are there."""
    rows = await tx.fetch(
        """
        select (
            select kept.details from workspace_days kept
            where kept.workspace = wanted.workspace and kept.mode = wanted.mode and kept.day = wanted.day
        )
        from unnest($1::text[], $2::text[], $3::date[]) with ordinality as wanted (workspace, mode, day, place)
        order by place
        """,
        *zip(*days, strict=True),
    )
    return [row["details"] for row in rows]


async def upsert_workspace_days(tx: Connection, rows: Sequence[WorkspaceDayRow]) -> None:
    """Adds the numbers to those that are there; the details are taken as they are given."""
    await tx.execute(
        """
        insert into workspace_days as kept (
            workspace, mode, day, clicks, bots, views, view_bots, took_us, uniques, entries, bounces, details
        )
        select * from unnest(
            $1::text[], $2::text[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[]
        )
        on conflict (workspace, mode, day) do update
        set clicks = kept.clicks + excluded.clicks, bots = kept.bots + excluded.bots,
            views = kept.views + excluded.views, view_bots = kept.view_bots + excluded.view_bots,
            took_us = kept.took_us + excluded.took_us, uniques = kept.uniques + excluded.uniques,
            entries = kept.entries + excluded.entries, bounces = kept.bounces + excluded.bounces,
            details = excluded.details
        """,
        *zip(*rows, strict=True),
    )


async def list_days_of_link(
    db: Connection, workspace: str, mode: Mode, link: str, first: date, last: date
) -> list[Counted]:
    """The days on which there was something to count."""
    rows = await db.fetch(
        """
        select day, clicks, bots, took_us, uniques, entries, bounces, details
        from link_days
        where workspace = $1 and mode = $2 and link = $3 and day between $4 and $5
        """,
        workspace,
        mode,
        link,
        first,
        last,
    )
    return [Counted(*row) for row in rows]


async def list_days_of_workspace(db: Connection, workspace: str, mode: Mode, first: date, last: date) -> list[Counted]:
    """The days on which there was something to count."""
    rows = await db.fetch(
        """
        select day, clicks, bots, took_us, uniques, entries, bounces, details
        from workspace_days
        where workspace = $1 and mode = $2 and day between $3 and $4
        """,
        workspace,
        mode,
        first,
        last,
    )
    return [Counted(*row) for row in rows]


async def update_link_details(db: Connection, workspace: str, mode: Mode, link: str, days: Sequence[Shorter]) -> None:
    """Days that others have changed since, or are about to, stay as they are."""
    await db.execute(
        """
        with free as (
            select kept.day, shorter.after
            from unnest($4::date[], $5::bytea[], $6::bytea[]) as shorter (day, before, after)
                join link_days kept on kept.workspace = $1 and kept.mode = $2 and kept.link = $3
                    and kept.day = shorter.day and kept.details = shorter.before
            for update of kept skip locked
        )
        update link_days as kept set details = free.after
        from free
        where kept.workspace = $1 and kept.mode = $2 and kept.link = $3 and kept.day = free.day
        """,
        workspace,
        mode,
        link,
        *zip(*days, strict=True),
    )


async def update_workspace_details(db: Connection, workspace: str, mode: Mode, days: Sequence[Shorter]) -> None:
    """Days that others have changed since, or are about to, stay as they are."""
    await db.execute(
        """
        with free as (
            select kept.day, shorter.after
            from unnest($3::date[], $4::bytea[], $5::bytea[]) as shorter (day, before, after)
                join workspace_days kept on kept.workspace = $1 and kept.mode = $2
                    and kept.day = shorter.day and kept.details = shorter.before
            for update of kept skip locked
        )
        update workspace_days as kept set details = free.after
        from free
        where kept.workspace = $1 and kept.mode = $2 and kept.day = free.day
        """,
        workspace,
        mode,
        *zip(*days, strict=True),
    )
