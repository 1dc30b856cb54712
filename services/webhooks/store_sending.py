"""The SQL of deliveries on their way: what is due is claimed, and what has become of it is written down.

The locks are taken as `store` says. Whoever claims holds the states of endpoints already and waits for no delivery.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from shared.contracts.modes import Mode
from shared.contracts.webhooks import State
from shared.database import Connection

# The endpoint, the delivery, and until when: another claim of the same delivery has another end.
Claim = tuple[str, str, datetime]


class Claimed(NamedTuple):
    """A delivery that is ours until ``claimed_until``; nobody else touches it before."""

    endpoint: str
    id: str
    topic: str
    body: bytes
    attempts: int
    tries: int
    claimed_until: datetime
    workspace: str
    mode: Mode
    url: str
    headers: bytes  # sealed, as are the secrets
    secret: bytes
    former_secret: bytes | None
    former_ends_at: datetime | None
    failing: bool

    @property
    def claim(self) -> Claim:
        return self.endpoint, self.id, self.claimed_until


class Result(NamedTuple):
    """What an attempt has made of a delivery."""

    endpoint: str
    id: str
    claimed_until: datetime
    state: State
    tries: int
    next_at: datetime | None
    at: datetime
    took_ms: int
    status: int | None
    error: str | None
    reply: bytes


class EndpointState(NamedTuple):
    endpoint: str
    failures: int
    failing_since: datetime | None
    last_success_at: datetime | None
    last_failure_at: datetime | None
    paused_until: datetime | None
    waiting: int


async def keep_plans(tx: Connection) -> None:
    """For statements that are the same many times a second: to plan them each time takes longer than to carry them out.

    What is planned once must hold when the tables have grown. So it goes by the indexes, row by row, while they are
    small, too.
    """
    await tx.execute(
        """
        set local plan_cache_mode = force_generic_plan;
        set local enable_seqscan = off;
        set local enable_hashjoin = off;
        set local enable_mergejoin = off
        """
    )


async def lock_due(
    tx: Connection, now: datetime, most: int, most_failing: int, but_not: Sequence[str]
) -> list[tuple[str, bool]]:
    """So many endpoints that do not fail, and so many that do, which is told; none of certain workspaces. Those first
    that have waited longest."""
    rows = await tx.fetch(
        """
        with sound as materialized (
            select endpoint from endpoint_states s
            where (failures > 0) = false and due_at <= $1
              and not exists (select from endpoints e where e.id = s.endpoint and e.workspace = any($4::text[]))
            order by due_at limit $2 for no key update skip locked
        ), failing as materialized (
            select endpoint from endpoint_states s
            where (failures > 0) = true and due_at <= $1
              and not exists (select from endpoints e where e.id = s.endpoint and e.workspace = any($4::text[]))
            order by due_at limit $3 for no key update skip locked
        )
        select endpoint, false as failing from sound union all select endpoint, true from failing
        """,
        now,
        most,
        most_failing,
        but_not,
    )
    return [(row["endpoint"], row["failing"]) for row in rows]


async def claim(
    tx: Connection,
    endpoints: Sequence[str],
    now: datetime,
    until: datetime,
    *,
    at_once: int,
    most: int,
    share: int,
    taken: Mapping[str, int],
) -> list[Claimed]:
    """What is due of the given endpoints, whose states are locked: ``most`` in all; of an endpoint as many as make
    ``at_once`` over all copies; of a workspace as many as make ``share`` with what this copy has ``taken`` already."""
    # A locked row stays where it is and is found there; by its key, a planner may look through the whole table for it.
    rows = await tx.fetch(
        """
        with open as materialized (
            select e.id as endpoint, e.workspace, e.mode, e.url, e.headers, e.secret, e.former_secret,
                   e.former_ends_at, s.failures > 0 as failing,
                   (select count(*) from deliveries c where c.endpoint = e.id and c.claimed_until > $2) as under_way
            from endpoints e join endpoint_states s on s.endpoint = e.id
            where e.id = any($1::text[]) and e.enabled and coalesce(s.paused_until <= $2, true)
        ), due as materialized (
            select d.row, d.id, d.next_at, open.* from open cross join lateral (
                select ctid as row, id, next_at from deliveries
                where endpoint = open.endpoint and state = 'pending' and next_at <= $2
                order by next_at, id limit greatest($4 - open.under_way, 0) for update skip locked
            ) d
        ), ranked as (
            select due.*, row_number() over (partition by workspace order by next_at, id) as rank from due
        ), chosen as (
            select ranked.* from ranked left join unnest($7::text[], $8::integer[]) as t (workspace, taken)
                using (workspace)
            where rank <= $6 - coalesce(taken, 0)
            order by next_at, id limit $5
        )
        update deliveries d set claimed_until = $3, next_at = $3, open_until = null
        from chosen c where d.ctid = c.row
        returning d.endpoint, d.id, d.topic, d.body, d.attempts, d.tries, d.claimed_until, c.workspace, c.mode, c.url,
                  c.headers, c.secret, c.former_secret, c.former_ends_at, c.failing
        """,
        endpoints,
        now,
        until,
        at_once,
        most,
        share,
        list(taken),
        list(taken.values()),
    )
    return [Claimed(*row)._replace(mode=Mode(row["mode"])) for row in rows]


async def update_due(tx: Connection, endpoints: Sequence[str], now: datetime, at_once: int) -> None:
    """When the given endpoints, whose states are locked, are looked at next.

    That is when a delivery is due; or, of one with as many under way as may be, when the first of them is given up.
    """
    await tx.execute(
        """
        update endpoint_states s
        set due_at = case
            when d.next_at is null or not e.enabled then null
            else greatest(d.next_at, s.paused_until)
        end
        from endpoints e cross join lateral (
            select case
                when (select count(*) from deliveries c where c.endpoint = e.id and c.claimed_until > $2) >= $3
                then (select min(claimed_until) from deliveries c where c.endpoint = e.id and c.claimed_until > $2)
                else (select min(next_at) from deliveries p where p.endpoint = e.id and p.state = 'pending')
            end as next_at
        ) d
        where s.endpoint = any($1::text[]) and e.id = s.endpoint
        """,
        endpoints,
        now,
        at_once,
    )


async def update_results(tx: Connection, results: Sequence[Result]) -> set[Claim]:
    """Those whose claim was still good; the other deliveries have been claimed anew since, and that will count."""
    rows = await tx.fetch(
        """
        with done as (
            update deliveries d
            set state = r.state, attempts = d.attempts + 1, tries = r.tries, next_at = r.next_at, claimed_until = null,
                last_status = r.status, last_error = r.error,
                delivered_at = case when r.state = 'delivered' then r.at + r.took_ms * interval '1 millisecond' end
            from unnest(
                $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::integer[], $6::timestamptz[],
                $7::timestamptz[], $8::integer[], $9::integer[], $10::text[], $11::bytea[]
            ) as r (endpoint, id, claimed_until, state, tries, next_at, at, took_ms, status, error, reply)
            where d.endpoint = r.endpoint and d.id = r.id and d.claimed_until = r.claimed_until
            returning d.endpoint, d.id, d.attempts, r.claimed_until, r.at, r.took_ms, r.status, r.error, r.reply
        ), kept as (
            insert into attempts (endpoint, delivery, number, at, took_ms, status, error, reply)
            select endpoint, id, attempts, at, took_ms, status, error, reply from done
        )
        select endpoint, id, claimed_until from done
        """,
        *zip(*results, strict=True),
    )
    return {(row["endpoint"], row["id"], row["claimed_until"]) for row in rows}


async def update_given_back(tx: Connection, claims: Sequence[Claim], now: datetime) -> None:
    """Nothing has come of the attempts, and they do not count."""
    await tx.execute(
        """
        update deliveries d set claimed_until = null, next_at = $4
        from unnest($1::text[], $2::text[], $3::timestamptz[]) as c (endpoint, id, claimed_until)
        where d.endpoint = c.endpoint and d.id = c.id and d.claimed_until = c.claimed_until
        """,
        *zip(*claims, strict=True),
        now,
    )


async def lock_states(tx: Connection, endpoints: Sequence[str]) -> list[EndpointState]:
    """Of those that are still there."""
    rows = await tx.fetch(
        """
        select endpoint, failures, failing_since, last_success_at, last_failure_at, paused_until, waiting
        from endpoint_states where endpoint = any($1::text[]) order by endpoint for no key update
        """,
        endpoints,
    )
    return [EndpointState(*row) for row in rows]


async def update_states(tx: Connection, states: Sequence[EndpointState]) -> None:
    """They are locked."""
    await tx.execute(
        """
        update endpoint_states s
        set failures = n.failures, failing_since = n.failing_since, last_success_at = n.last_success_at,
            last_failure_at = n.last_failure_at, paused_until = n.paused_until, waiting = n.waiting
        from unnest($1::text[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
                    $6::timestamptz[], $7::integer[])
             as n (endpoint, failures, failing_since, last_success_at, last_failure_at, paused_until, waiting)
        where s.endpoint = n.endpoint
        """,
        *zip(*states, strict=True),
    )
