"""The SQL of what keys were used for: one function per statement."""

from collections.abc import Sequence
from datetime import date, datetime

from shared.contracts.keys import KeyDay, Use
from shared.database import Connection


async def insert_report(tx: Connection, reporter: str, number: int, now: datetime) -> bool:
    """False when the report, or a later one, has been taken in already."""
    return bool(
        await tx.fetchval(
            """
            insert into use_reports (reporter, number, reported_at) values ($1, $2, $3)
            on conflict (reporter) do update set number = excluded.number, reported_at = excluded.reported_at
            where use_reports.number < excluded.number
            returning true
            """,
            reporter,
            number,
            now,
        )
    )


async def update_last_uses(tx: Connection, uses: Sequence[Use]) -> None:
    # Rows are locked in one order, so that two gateways that saw the same keys do not wait for each other in a circle.
    await tx.execute(
        """
        with uses as (
            select id, max(at) as at from unnest($1::text[], $2::timestamptz[]) as u (id, at) group by id
        ), newer as (
            select k.id, u.at from keys k join uses u on u.id = k.id
            where k.last_used_at is null or k.last_used_at < u.at
            order by k.id for no key update of k
        )
        update keys k set last_used_at = greatest(k.last_used_at, n.at) from newer n where k.id = n.id
        """,
        [use.key for use in uses],
        [use.at for use in uses],
    )


async def add_days(tx: Connection, uses: Sequence[Use]) -> None:
    # In one order too, for the same reason.
    await tx.execute(
        """
        insert into key_days (workspace, key_id, day, succeeded, refused, limited, failed)
        select k.workspace, k.id, (u.at at time zone 'UTC')::date, sum(u.succeeded), sum(u.refused), sum(u.limited),
               sum(u.failed)
        from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
             as u (id, at, succeeded, refused, limited, failed)
        join keys k on k.id = u.id
        group by 1, 2, 3 order by 1, 2, 3
        on conflict (workspace, key_id, day) do update
        set succeeded = key_days.succeeded + excluded.succeeded, refused = key_days.refused + excluded.refused,
            limited = key_days.limited + excluded.limited, failed = key_days.failed + excluded.failed
        """,
        [use.key for use in uses],
        [use.at for use in uses],
        [use.succeeded for use in uses],
        [use.refused for use in uses],
        [use.limited for use in uses],
        [use.failed for use in uses],
    )


async def list_days(db: Connection, workspace: str, key_id: str, last: date, days: int) -> list[KeyDay]:
    """Every day up to ``last``, oldest first, those without a use included."""
    rows = await db.fetch(
        """
        select d.day::date as day, coalesce(k.succeeded, 0) as succeeded, coalesce(k.refused, 0) as refused,
               coalesce(k.limited, 0) as limited, coalesce(k.failed, 0) as failed
        from generate_series($3::date - ($4 - 1), $3::date, interval '1 day') as d (day)
        left join key_days k on k.workspace = $1 and k.key_id = $2 and k.day = d.day::date
        order by d.day
        """,
        workspace,
        key_id,
        last,
        days,
    )
    return [KeyDay(row["day"], row["succeeded"], row["refused"], row["limited"], row["failed"]) for row in rows]


async def delete_days(db: Connection, before: date, most: int) -> int:
    rows = await db.fetch(
        """
        delete from key_days where ctid = any(array(select ctid from key_days where day < $1 limit $2)) returning true
        """,
        before,
        most,
    )
    return len(rows)


async def delete_reports(db: Connection, before: datetime, most: int) -> int:
    rows = await db.fetch(
        """
        delete from use_reports
        where ctid = any(array(select ctid from use_reports where reported_at < $1 limit $2)) returning true
        """,
        before,
        most,
    )
    return len(rows)
