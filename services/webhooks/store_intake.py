"""The SQL of facts that become deliveries: one function per statement. Rows are locked as `store` says."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.database import Connection


class Room(NamedTuple):
    waiting: int  # deliveries that are pending
    kept: int  # deliveries that were dropped and can still be recovered


class Open(NamedTuple):
    """A message to which clicks may still be added."""

    endpoint: str
    id: str
    clicks: int


class More(NamedTuple):
    """Clicks for such a message: JSON, separated by commas."""

    endpoint: str
    id: str
    clicks: int
    data: bytes
    full: bool  # it takes no more and is sent


class Growth(NamedTuple):
    """What a state grows by."""

    endpoint: str
    waiting: int
    kept: int
    dropped: int
    due_at: datetime | None


async def insert_taken(tx: Connection, events: Sequence[str], now: datetime) -> set[str]:
    """Those that have not been taken in before. They are given sorted, so that two copies cannot end in a deadlock."""
    rows = await tx.fetch(
        "insert into taken (event, taken_at) select unnest($1::text[]), $2 on conflict do nothing returning event",
        events,
        now,
    )
    return {row["event"] for row in rows}


async def lock_states(tx: Connection, endpoints: Sequence[str]) -> dict[str, Room]:
    """Without those that have been deleted meanwhile."""
    rows = await tx.fetch(
        "select endpoint, waiting, kept from endpoint_states where endpoint = any($1) order by endpoint for update",
        endpoints,
    )
    return {row["endpoint"]: Room(row["waiting"], row["kept"]) for row in rows}


async def list_open(tx: Connection, endpoints: Sequence[str], now: datetime, most_clicks: int) -> list[Open]:
    """For each endpoint one at most. What somebody is about to send is left alone, and not waited for."""
    rows = await tx.fetch(
        """
        select endpoint, id, clicks from deliveries
        where endpoint = any($1) and open_until > $2 and clicks < $3 and state = 'pending' and claimed_until is null
        order by endpoint, id for update skip locked
        """,
        endpoints,
        now,
        most_clicks,
    )
    return list({row["endpoint"]: Open(row["endpoint"], row["id"], row["clicks"]) for row in rows}.values())


async def append_clicks(tx: Connection, more: Sequence[More], now: datetime) -> None:
    """A message of clicks ends with ``]}}``, and so it does afterwards."""
    await tx.execute(
        """
        update deliveries d
        set body = substring(body for octet_length(body) - 3) || ','::bytea || m.data || ']}}'::bytea,
            clicks = d.clicks + m.clicks,
            next_at = case when m.is_full then $6 else d.next_at end,
            open_until = case when m.is_full then null else d.open_until end
        from unnest($1::text[], $2::text[], $3::integer[], $4::bytea[], $5::boolean[])
            as m (endpoint, id, clicks, data, is_full)
        where d.endpoint = m.endpoint and d.id = m.id
        """,
        *zip(*more, strict=True),
        now,
    )


async def grow_states(tx: Connection, growths: Sequence[Growth]) -> None:
    """All of them are locked already."""
    await tx.execute(
        """
        update endpoint_states s
        set waiting = s.waiting + g.waiting, kept = s.kept + g.kept, dropped = s.dropped + g.dropped,
            due_at = least(s.due_at, g.due_at)
        from unnest($1::text[], $2::integer[], $3::integer[], $4::integer[], $5::timestamptz[])
            as g (endpoint, waiting, kept, dropped, due_at)
        where s.endpoint = g.endpoint
        """,
        *zip(*growths, strict=True),
    )
