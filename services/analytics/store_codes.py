"""The SQL of scans of QR codes: one function per statement. Rows are given sorted, and locked in that order."""

from collections.abc import Sequence
from datetime import date

from services.analytics.rollups import CodeDay, CodeTotal
from shared.contracts.links.qr_codes import Scans
from shared.database import Connection


async def upsert_code_days(tx: Connection, rows: Sequence[CodeDay]) -> None:
    if not rows:
        return
    await tx.execute(
        """
        insert into code_days as kept (code, day, scans)
        select * from unnest($1::text[], $2::date[], $3::bigint[])
        on conflict (code, day) do update set scans = kept.scans + excluded.scans
        """,
        *zip(*rows, strict=True),
    )


async def upsert_code_totals(tx: Connection, rows: Sequence[CodeTotal]) -> None:
    if not rows:
        return
    await tx.execute(
        """
        insert into code_totals as kept (code, scans)
        select * from unnest($1::text[], $2::bigint[])
        on conflict (code) do update set scans = kept.scans + excluded.scans
        """,
        *zip(*rows, strict=True),
    )


async def list_due_codes(tx: Connection, after: str, most: int) -> list[Scans]:
    rows = await tx.fetch(
        "select code, scans from code_totals where due and code > $1 order by code limit $2", after, most
    )
    return [Scans(code=row["code"], scans=row["scans"]) for row in rows]


async def update_reported_codes(tx: Connection, totals: Sequence[Scans]) -> None:
    await tx.execute(
        """
        with sent as (
            select code, told.scans
            from unnest($1::text[], $2::bigint[]) as told (code, scans) join code_totals using (code)
            order by code for update of code_totals
        )
        update code_totals as kept set reported = greatest(kept.reported, sent.scans)
        from sent where kept.code = sent.code
        """,
        [total.code for total in totals],
        [total.scans for total in totals],
    )


async def empty_code_days(tx: Connection, day: date) -> None:
    """For a day that is made anew. They stay as rows, so that it is still known which totals they are part of."""
    await tx.execute("update code_days set scans = 0 where day = $1", day)


async def insert_code_totals(tx: Connection, day: date) -> None:
    """Those of the day's codes: made where there are none, and locked, so that they can be summed up in peace."""
    await tx.execute(
        """
        insert into code_totals as kept (code, scans)
        select code, 0 from code_days where day = $1 order by code
        on conflict (code) do update set scans = kept.scans where false
        """,
        day,
    )


async def update_code_totals(tx: Connection, day: date) -> None:
    """Of the day's codes, all locked: the sum over all days. Who counts on at the same time adds to it afterwards."""
    await tx.execute(
        """
        with sums as (
            select code, sum(every.scans) as scans
            from code_days counted join code_days every using (code)
            where counted.day = $1
            group by code
        )
        update code_totals as kept set scans = sums.scans
        from sums where kept.code = sums.code and kept.scans <> sums.scans
        """,
        day,
    )


async def delete_empty_code_days(tx: Connection, day: date) -> None:
    await tx.execute("delete from code_days where day = $1 and scans = 0", day)
