"""The SQL of what is done to links without anybody asking."""

from datetime import datetime

from services.links.store_rows import link_of
from shared.contracts.links import Link
from shared.database import Connection


async def lapse(tx: Connection, now: datetime, limit: int) -> tuple[Link, ...]:
    """Notes that links have reached their time, in one order, so that nobody waits in a circle."""
    rows = await tx.fetch(
        """
        with due as (
            select id from links where not lapsed and expires_at <= $1 order by expires_at limit $2
        ),
        held as (
            select links.id from links join due on due.id = links.id
            where not links.lapsed and links.expires_at <= $1 order by links.id for no key update of links
        )
        update links l set lapsed = true from held where l.id = held.id
        returning l.id, workspace, mode, domain, slug, destination_url, title, description, thumbnail, active,
                  position, tags, metadata, expires_at, expired_url,
                  password_hash is not null as has_password, max_clicks, show_on_profile, forward_query,
                  external_id, archived, clicks, claimed, created_at, updated_at
        """,
        now,
        limit,
    )
    return tuple(map(link_of, rows))


async def fold_changes(tx: Connection, limit: int) -> int:
    """Adds what has changed to the tallies, and by a trigger to the blocks; how many changes that were.

    Copies that do this at once share them out.
    """
    folded: int = await tx.fetchval(
        """
        with taken as (
            delete from link_changes
            where id in (select id from link_changes order by id limit $1 for update skip locked)
            returning workspace, mode, tag, archived, active, lapsed, links
        ),
        folded as (
            insert into link_tallies as tally (workspace, mode, tag, archived, active, lapsed, links)
            select workspace, mode, tag, archived, active, lapsed, sum(links) from taken
            group by workspace, mode, tag, archived, active, lapsed
            order by workspace, mode, tag, archived, active, lapsed
            on conflict (workspace, mode, tag, archived, active, lapsed) do update
            set links = tally.links + excluded.links
        )
        select count(*) from taken
        """,
        limit,
    )
    return folded


async def fold_moves(tx: Connection, limit: int) -> int:
    """Adds the moves that clicks have made to the blocks, which a trigger does; how many moves that were."""
    folded: int = await tx.fetchval(
        """
        with taken as (
            delete from link_moves
            where id in (select id from link_moves order by id limit $1 for update skip locked)
            returning id
        )
        select count(*) from taken
        """,
        limit,
    )
    return folded


async def delete_empty_tallies(tx: Connection) -> None:
    # Those that another copy has just come to are left to it, so that neither waits for the other in a circle.
    await tx.execute(
        """
        delete from link_tallies
        where ctid = any (array(select ctid from link_tallies where links = 0 for update skip locked))
        """
    )


async def has_era(db: Connection) -> bool:
    """Whether the edits that are kept come from what is there now."""
    known: bool = await db.fetchval("select exists (select from link_edit_eras where origin = link_edits_origin())")
    return known


async def begin_era(tx: Connection) -> None:
    """From here on edits are kept, unless another copy has just seen to it; those of another origin go.

    Whoever has counted before this is committed knows another era or none, and counts anew.
    """
    await tx.execute(
        """
        with begun as (
            insert into link_edit_eras as last (origin)
            select link_edits_origin() where link_edits_origin() is not null
            on conflict (one) do update
            set era = excluded.era, origin = excluded.origin, forgotten = excluded.forgotten
            where last.origin <> excluded.origin
            returning era
        )
        delete from link_edits where exists (select from begun)
        """
    )


async def delete_edits(tx: Connection, before: datetime, most: int, limit: int) -> int:
    """Deletes the oldest edits, those from ``before`` and those beyond ``most``; how many that were.

    Says first up to which transaction: copies that do this at once come one after the other, and nobody waits in a
    circle with the beginning of an era.
    """
    deleted: int = await tx.fetchval(
        """
        with old as materialized (
            select id, xact from (select id, xact, edited_at from link_edits order by id limit $3) as first
            where edited_at < $1 or id <= (select max(id) from link_edits) - $2
        ),
        told as (
            update link_edit_eras
            set forgotten = greatest(forgotten, (select xact from old order by xact desc limit 1))
            where exists (select from old)
            returning era
        ),
        gone as (
            delete from link_edits where exists (select from told) and id in (select id from old) returning id
        )
        select count(*) from gone
        """,
        before,
        most,
        limit,
    )
    return deleted
