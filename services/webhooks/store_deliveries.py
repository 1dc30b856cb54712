"""The SQL of deliveries as their owner sees them: one function per statement. They are locked as `store` says."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from shared.contracts.modes import Mode
from shared.contracts.webhooks import LISTED, Attempt, Delivery, DeliveryDetails, State, Topic
from shared.database import Connection

ATTEMPTS = 50  # that are shown of a delivery


class NewDelivery(NamedTuple):
    endpoint: str
    id: str
    event: str
    topic: Topic
    body: bytes
    state: State
    created_at: datetime
    next_at: datetime | None
    clicks: int = 0
    open_until: datetime | None = None


async def insert_deliveries(tx: Connection, deliveries: Sequence[NewDelivery]) -> list[str]:
    """The ids of those that are new. One that tells an endpoint what it has been told already is left out."""
    rows = await tx.fetch(
        """
        insert into deliveries (endpoint, id, event, topic, body, state, created_at, next_at, clicks, open_until)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[],
                             $7::timestamptz[], $8::timestamptz[], $9::integer[], $10::timestamptz[])
        on conflict do nothing
        returning id
        """,
        *zip(*deliveries, strict=True),
    )
    return [row["id"] for row in rows]


async def add_to_state(
    tx: Connection, endpoint: str, *, waiting: int = 0, kept: int = 0, dropped: int = 0, due_at: datetime | None = None
) -> bool:
    """``due_at``: when the first of those that wait now is to be sent. False when the endpoint has been deleted."""
    status = await tx.execute(
        """
        update endpoint_states
        set waiting = waiting + $2, kept = kept + $3, dropped = dropped + $4, due_at = least(due_at, $5)
        where endpoint = $1
        """,
        endpoint,
        waiting,
        kept,
        dropped,
        due_at,
    )
    return status != "UPDATE 0"


async def find_delivery(
    db: Connection, workspace: str, mode: Mode, endpoint: str, delivery: str
) -> DeliveryDetails | None:
    row = await db.fetchrow(
        """
        select d.id, d.endpoint, event, topic, e.mode, state, d.created_at, attempts, next_at, last_status,
               last_error, delivered_at, body
        from endpoints e join deliveries d on d.endpoint = e.id
        where workspace = $1 and mode = $2 and e.id = $3 and d.id = $4
        """,
        workspace,
        mode,
        endpoint,
        delivery,
    )
    if row is None:
        return None
    attempts = await _list_attempts(db, endpoint, delivery)
    return DeliveryDetails(delivery=delivery_of(row), body=row["body"].decode(), attempts=attempts)


async def lock_delivery(tx: Connection, workspace: str, mode: Mode, endpoint: str, delivery: str) -> Delivery | None:
    row = await tx.fetchrow(
        """
        select d.id, d.endpoint, event, topic, e.mode, state, d.created_at, attempts, next_at, last_status,
               last_error, delivered_at
        from endpoints e join deliveries d on d.endpoint = e.id
        where workspace = $1 and mode = $2 and e.id = $3 and d.id = $4
        for update of d
        """,
        workspace,
        mode,
        endpoint,
        delivery,
    )
    return delivery_of(row) if row else None


async def list_deliveries(
    db: Connection,
    endpoint: str,
    state: State | None,
    topic: Topic | None,
    first: str,
    beyond: str,
    limit: int,
    offset: int,
) -> tuple[tuple[Delivery, ...], int]:
    """Newest first, of those with ids from ``first`` to before ``beyond``; and how many there are, up to `LISTED`."""
    # What failed or was dropped is rare, and has an index of its own: of the two parts, only one is ever carried out.
    rows = await db.fetch(
        """
        with listed as materialized (
            (
                select id from deliveries
                where endpoint = $1 and id >= $2 and id < $3 and coalesce($4::text not in ('failed', 'dropped'), true)
                  and ($4::text is null or state = $4) and ($5::text is null or topic = $5)
                order by id desc limit $6
            ) union all (
                select id from deliveries
                where endpoint = $1 and id >= $2 and id < $3 and state in ('failed', 'dropped')
                  and state = $4 and ($5::text is null or topic = $5)
                order by id desc limit $6
            )
        )
        select counts.total, d.id, d.endpoint, event, topic, e.mode, state, d.created_at, attempts, next_at,
               last_status, last_error, delivered_at
        from (select count(*) as total from listed) counts
        left join (select id from listed order by id desc limit $7 offset $8) page on true
        left join deliveries d on d.endpoint = $1 and d.id = page.id
        left join endpoints e on e.id = d.endpoint
        order by d.id desc
        """,
        endpoint,
        first,
        beyond,
        state,
        topic,
        LISTED,
        limit,
        offset,
    )
    # A page that is empty still comes with the total, in a row of its own.
    return tuple(delivery_of(row) for row in rows if row["id"]), rows[0]["total"]


async def update_redelivered(tx: Connection, endpoint: str, delivery: str, now: datetime) -> None:
    await tx.execute(
        """
        update deliveries
        set state = 'pending', tries = 0, next_at = $3, claimed_until = null, delivered_at = null
        where endpoint = $1 and id = $2
        """,
        endpoint,
        delivery,
        now,
    )


async def recover(tx: Connection, endpoint: str, first: str, most: int, now: datetime) -> tuple[int, int]:
    """Oldest first, from the id ``first`` on: how many are pending again, and how many of them had been dropped."""
    # A locked row stays where it is and is found there; by its key, a planner may look through the whole table for it.
    row = await tx.fetchrow(
        """
        with chosen as materialized (
            select ctid as row, state from deliveries
            where endpoint = $1 and id >= $2 and state in ('failed', 'dropped')
            order by id limit $3 for update
        ), changed as (
            update deliveries d
            set state = 'pending', tries = 0, next_at = $4, claimed_until = null, delivered_at = null
            from chosen c where d.ctid = c.row
            returning c.state
        )
        select count(*) as recovered, count(*) filter (where state = 'dropped') as dropped from changed
        """,
        endpoint,
        first,
        most,
        now,
    )
    assert row, "an aggregate has a row"
    return row["recovered"], row["dropped"]


async def _list_attempts(db: Connection, endpoint: str, delivery: str) -> tuple[Attempt, ...]:
    rows = await db.fetch(
        """
        select number, at, took_ms, status, error, reply from attempts
        where endpoint = $1 and delivery = $2 order by number desc limit $3
        """,
        endpoint,
        delivery,
        ATTEMPTS,
    )
    return tuple(
        Attempt(
            number=row["number"],
            at=row["at"],
            took_ms=row["took_ms"],
            status=row["status"],
            error=row["error"],
            reply=row["reply"].decode(errors="replace"),
        )
        for row in reversed(rows)
    )


def delivery_of(row: asyncpg.Record) -> Delivery:
    return Delivery(
        id=row["id"],
        endpoint=row["endpoint"],
        event=row["event"],
        topic=Topic(row["topic"]),
        mode=Mode(row["mode"]),
        state=State(row["state"]),
        created_at=row["created_at"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        last_status=row["last_status"],
        last_error=row["last_error"],
        delivered_at=row["delivered_at"],
    )
