"""The SQL of visits to links: where a short code leads, and how often it was followed."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from shared.contracts.links import Total
from shared.contracts.modes import Mode
from shared.contracts.targets import Target
from shared.database import Connection


async def find_target(db: Connection, domain: str, slug: str) -> tuple[Target, str | None] | None:
    """The target and the hash of its password, if it has one."""
    row = await db.fetchrow(
        """
        select id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
               password_hash, max_clicks, clicks, claimed, forward_query,
               (select array_agg(array[token, code.id]) from qr_codes code where code.link = links.id) as codes
        from links where domain = $1 and slug = $2
        """,
        domain,
        slug,
    )
    return (_target(row), row["password_hash"]) if row else None


async def list_targets(db: Connection, keys: Sequence[tuple[str, str]]) -> list[Target]:
    """``keys``: domain and slug of each."""
    rows = await db.fetch(
        """
        select id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
               password_hash, max_clicks, clicks, claimed, forward_query,
               (select array_agg(array[token, code.id]) from qr_codes code where code.link = links.id) as codes
        from links join unnest($1::text[], $2::text[]) as asked (domain, slug) using (domain, slug)
        """,
        [domain for domain, _ in keys],
        [slug for _, slug in keys],
    )
    return [_target(row) for row in rows]


async def claim(tx: Connection, domain: str, slug: str, wanted: int, now: datetime) -> tuple[Target | None, int]:
    """Takes up to ``wanted`` redirects out of the link's limit; the target as it is then, and how many were left to
    take. A link without a limit gives them all."""
    row = await tx.fetchrow(
        """
        with link as (
            select id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
                   password_hash, max_clicks, clicks, claimed, forward_query,
                   greatest(claimed, clicks) as given, active and (expires_at is null or expires_at > $4) as open
            from links where domain = $1 and slug = $2
            for no key update
        ),
        claim as (
            update links
            set claimed = least(link.given + $3, link.max_clicks), lapsed = link.given + $3 >= link.max_clicks
            from link
            where links.id = link.id and link.open and link.given < link.max_clicks
            returning links.claimed, links.claimed - link.given as granted
        )
        -- From the locked row and not from the table, which this statement sees as it was before the lock.
        select link.id, workspace, mode, domain, slug, destination_url, title, active, expires_at, expired_url,
               password_hash, max_clicks, clicks, coalesce(claim.claimed, link.claimed) as claimed, forward_query,
               (select array_agg(array[token, code.id]) from qr_codes code where code.link = link.id) as codes,
               coalesce(claim.granted, case when open and max_clicks is null then $3 else 0 end) as granted
        from link left join claim on true
        """,
        domain,
        slug,
        wanted,
        now,
    )
    return (_target(row), row["granted"]) if row else (None, 0)


async def update_totals(tx: Connection, totals: Sequence[Total]) -> list[tuple[str, Mode, str]]:
    """Totals only ever grow. The links are locked in one order, so that two reports never wait for each other.

    Answers with workspace, mode and id of those that have reached their limit by it.
    """
    rows = await tx.fetch(
        """
        with told as (
            select id, max(clicks) as clicks from unnest($1::text[], $2::bigint[]) as t (id, clicks) group by id
        ),
        behind as (
            select links.id, links.lapsed, told.clicks from links join told on told.id = links.id
            where links.clicks < told.clicks order by links.id for no key update of links
        ),
        counted as (
            update links
            set clicks = greatest(links.clicks, behind.clicks),
                lapsed = links.lapsed or coalesce(greatest(links.claimed, behind.clicks) >= max_clicks, false)
            from behind where links.id = behind.id
            returning workspace, mode, links.id, links.lapsed and not behind.lapsed as ended
        )
        select workspace, mode, id from counted where ended
        """,
        [total.link for total in totals],
        [total.clicks for total in totals],
    )
    return [(row["workspace"], Mode(row["mode"]), row["id"]) for row in rows]


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
        codes=dict(row["codes"]) if row["codes"] else None,
    )
