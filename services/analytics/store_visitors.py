"""The SQL of who came on which day."""

from collections.abc import Sequence
from datetime import date

from services.analytics.visitors import Arrival, Entry
from shared.database import Connection


async def upsert_visitors(tx: Connection, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Those who have not come before on their day; and of the others the ones with one click so far, as they began.

    A visitor who is known has more than one click now. The rows are locked in the order in which they are given.
    """
    if not entries:
        return [], []
    rows = await tx.fetch(
        """
        insert into visitors as kept (day, workspace, mode, visitor, link, single)
        select * from unnest($1::date[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::boolean[])
        on conflict (day, workspace, mode, visitor) do update set single = false where kept.single
        returning xmax = 0 as made, day, workspace, mode, visitor, link, single
        """,
        *zip(*entries, strict=True),
    )
    new: list[Entry] = []
    known: list[Entry] = []
    for made, *entry in rows:
        # No transaction has ended or locked a row that has just been made.
        (new if made else known).append(Entry(*entry))
    return new, known


async def insert_arrivals(tx: Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Those at a link where the visitor neither began nor has been before on that day."""
    if not arrivals:
        return []
    rows = await tx.fetch(
        """
        insert into visitor_links (day, workspace, mode, visitor, link)
        select * from unnest($1::date[], $2::text[], $3::text[], $4::bytea[], $5::text[])
            as came (day, workspace, mode, visitor, link)
        where link is distinct from (
            select known.link from visitors known
            where known.day = came.day and known.workspace = came.workspace
              and known.mode = came.mode and known.visitor = came.visitor
        )
        on conflict do nothing
        returning day, workspace, mode, visitor, link
        """,
        *zip(*arrivals, strict=True),
    )
    return [Arrival(*row) for row in rows]


async def delete_visitors(db: Connection, before: date, most: int) -> int:
    """How many have been forgotten."""
    done = await db.execute(
        """
        delete from visitors
        where ctid = any(array(select ctid from visitors where day < $1 limit $2 for update skip locked))
        """,
        before,
        most,
    )
    return int(done.rpartition(" ")[2])


async def delete_visitor_links(db: Connection, before: date, most: int) -> int:
    """How many have been forgotten."""
    done = await db.execute(
        """
        delete from visitor_links
        where ctid = any(array(select ctid from visitor_links where day < $1 limit $2 for update skip locked))
        """,
        before,
        most,
    )
    return int(done.rpartition(" ")[2])
