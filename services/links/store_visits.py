"""The SQL of visits to links: where a short code leads, and how often it was followed."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from shared.contracts.links import Claimed, Target, Total
from shared.contracts.modes import Mode
from shared.database import Connection


async def find_target(db: Connection, domain: str, slug: str) -> tuple[Target, str | None] | None:
    """The target and the hash of its password, if it has one."""
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
               password_hash, max_clicks, clicks, claimed, forward_query
        from links where domain = $1 and slug = $2
        """,
        domain,
        slug,
    )
    return (_target(row), row["password_hash"]) if row else None


async def claim(tx: Connection, domain: str, slug: str, now: datetime) -> Claimed:
    row = await tx.fetchrow(
        """
        with claimed as (
            update links set claimed = greatest(claimed, clicks) + 1
            where domain = $1 and slug = $2 and active and (expires_at is null or expires_at > $3)
              and greatest(claimed, clicks) < max_clicks
            returning id
        )
        select id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
               password_hash, max_clicks, clicks, claimed, forward_query,
               exists (select from claimed) or max_clicks is null as granted
        from links where domain = $1 and slug = $2
        """,
        domain,
        slug,
        now,
    )
    if row is None:
        return Claimed()
    return Claimed(target=_target(row), granted=row["granted"])


async def update_totals(tx: Connection, totals: Sequence[Total]) -> None:
    """Totals only ever grow. The links are locked in one order, so that two reports never wait for each other."""
    await tx.execute(
        """
        with told as (
            select id, max(clicks) as clicks from unnest($1::text[], $2::bigint[]) as t (id, clicks) group by id
        ),
        behind as (
            select links.id, told.clicks from links join told on told.id = links.id
            where links.clicks < told.clicks order by links.id for no key update of links
        )
        update links set clicks = greatest(links.clicks, behind.clicks) from behind where links.id = behind.id
        """,
        [total.link for total in totals],
        [total.clicks for total in totals],
    )


def _target(row: asyncpg.Record) -> Target:
    return Target(
        link=row["id"],
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        domain=row["domain"],
        slug=row["slug"],
        destination_url=row["destination_url"],
        title=row["title"],
        active=row["active"],
        expires_at=row["expires_at"],
        expired_url=row["expired_url"],
        has_password=row["password_hash"] is not None,
        max_clicks=row["max_clicks"],
        clicks=row["clicks"],
        claimed=row["claimed"],
        forward_query=row["forward_query"],
    )
