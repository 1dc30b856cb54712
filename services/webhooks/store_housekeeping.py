"""The SQL of what goes: one function per statement. Rows are locked as `store` says."""

from collections.abc import Sequence
from datetime import datetime

from services.webhooks.store_intake import Growth
from shared.database import Connection


async def delete_old_deliveries(tx: Connection, before: datetime, most: int) -> tuple[int, list[Growth]]:
    """How many there were, and what that means for the states of their endpoints. What is under way is left alone."""
    rows = await tx.fetch(
        """
        with gone as (
            delete from deliveries d using (
                select endpoint, id from deliveries
                where created_at < $1 and claimed_until is null
                order by created_at limit $2 for update skip locked
            ) old
            where d.endpoint = old.endpoint and d.id = old.id
            returning d.endpoint, d.state
        )
        select endpoint, count(*) as deliveries, count(*) filter (where state = 'pending') as waiting,
               count(*) filter (where state = 'dropped') as kept
        from gone group by endpoint order by endpoint
        """,
        before,
        most,
    )
    growths = [Growth(row["endpoint"], -row["waiting"], -row["kept"], 0, None) for row in rows]
    return sum(row["deliveries"] for row in rows), growths


async def list_dead_endpoints(db: Connection, most: int) -> list[str]:
    rows = await db.fetch("select endpoint from dead_endpoints order by endpoint limit $1", most)
    return [row["endpoint"] for row in rows]


async def delete_deliveries_of(db: Connection, endpoint: str, most: int) -> int:
    status = await db.execute(
        """
        delete from deliveries where endpoint = $1 and id = any(array(
            select id from deliveries where endpoint = $1 order by id limit $2 for update skip locked
        ))
        """,
        endpoint,
        most,
    )
    return _number(status)


async def delete_dead_endpoints(db: Connection, endpoints: Sequence[str]) -> None:
    """Those that have left nothing behind any more."""
    await db.execute(
        """
        delete from dead_endpoints x
        where endpoint = any($1) and not exists (select from deliveries d where d.endpoint = x.endpoint)
        """,
        endpoints,
    )


async def delete_taken(db: Connection, before: datetime, most: int) -> int:
    status = await db.execute(
        """
        delete from taken where event = any(array(
            select event from taken where taken_at < $1 order by taken_at limit $2 for update skip locked
        ))
        """,
        before,
        most,
    )
    return _number(status)


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
