"""The SQL of how many links match a text: counted once, and what has been edited since then.

A count is true of a snapshot. An edit belongs to a transaction, which was visible in that snapshot or was not. So the
edits that are seen now and whose transactions were not visible then are exactly what the count has missed.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.links.store_rows import fetch_planned
from services.links.store_search import containing
from shared.contracts.links import SearchLinks
from shared.database import Connection


class Moment(msgspec.Struct, frozen=True):
    """When something was counted: a snapshot, and the era of the edits that may be held against it."""

    era: str
    snapshot: str


class Edit(msgspec.Struct, frozen=True):
    """That a link matches now and did not before, or the other way round."""

    place: tuple[datetime, str]
    step: int


async def count_matches(db: Connection, ask: SearchLinks) -> tuple[int, Moment | None]:
    """How many match, and when that was; None when edits are not to be relied on just now.

    Takes as long as there are matches; with a text of one or two characters, as there are links.
    """
    rows = await fetch_planned(
        db,
        """
        select count(*) as total, pg_current_snapshot()::text as snapshot,
               (select era::text from link_edit_eras where origin = link_edits_origin()) as era
        from link_entries e
        where e.workspace = $1 and e.mode = $2
          and ($3::bool is null or e.archived = $3)
          and ($4::text is null or e.tags @> array[$4])
          and ($5::text is null or e.state = $5)
          and ($6::text is null or e.words like lower($6))
          and ($7::text is null or e.domain = $7)
        """,
        *_filters(ask),
    )
    row = rows[0]
    return row["total"], Moment(row["era"], row["snapshot"]) if row["era"] else None


async def list_edits(
    db: Connection, ask: SearchLinks, since: Moment, most: int
) -> tuple[Sequence[Edit], Moment] | None:
    """What has changed for the question since then, and the moment now.

    None when the workspace has seen ``most`` edits or more, or some of them may have been deleted: whoever deletes
    says up to which transaction, and all that were not visible in the snapshot come at its lower end or after it.
    """
    rows = await fetch_planned(
        db,
        """
        with fresh as materialized (
            select step, link, created_at, archived, state, tags, words, domain from link_edits
            where workspace = $1 and mode = $2
              and xact >= pg_snapshot_xmin($8::text::pg_snapshot)
              and not pg_visible_in_snapshot(xact, $8::text::pg_snapshot)
            limit $10
        ),
        turned as (
            select e.created_at, e.link, sum(e.step) as step from fresh e
            where ($3::bool is null or e.archived = $3)
              and ($4::text is null or e.tags @> array[$4])
              and ($5::text is null or e.state = $5)
              and ($6::text is null or e.words like lower($6))
              and ($7::text is null or e.domain = $7)
            group by e.created_at, e.link having sum(e.step) <> 0
        )
        select pg_current_snapshot()::text as snapshot, turned.created_at, turned.link, turned.step
        from link_edit_eras left join turned on true
        where era = $9::text::uuid and origin = link_edits_origin()
          and forgotten < pg_snapshot_xmin($8::text::pg_snapshot)
          and (select count(*) from fresh) < $10
        """,
        *_filters(ask),
        since.snapshot,
        since.era,
        most,
    )
    if not rows:
        return None
    edits = [Edit((row["created_at"], row["link"]), row["step"]) for row in rows if row["link"] is not None]
    return edits, Moment(since.era, rows[0]["snapshot"])


def _filters(ask: SearchLinks) -> tuple[object, ...]:
    return ask.workspace, ask.mode, ask.archived, ask.tag, ask.status, containing(ask.search), ask.domain
