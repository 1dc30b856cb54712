"""Rows of the table of links as values."""

import asyncpg
import msgspec

from shared.contracts.links import Link
from shared.contracts.modes import Mode
from shared.database import Connection

# A look here takes a fifth of the time of asking the type, which counts where pages of links are read.
_MODES = {mode.value: mode for mode in Mode}


def json_of(value: object) -> str:
    return msgspec.json.encode(value).decode()


def link_of(row: asyncpg.Record) -> Link:
    return Link(
        id=row["id"],
        workspace=row["workspace"],
        mode=_MODES[row["mode"]],
        domain=row["domain"],
        slug=row["slug"],
        destination_url=row["destination_url"],
        title=row["title"],
        description=row["description"],
        thumbnail=row["thumbnail"],
        active=row["active"],
        position=row["position"],
        tags=tuple(row["tags"]),
        metadata=msgspec.json.decode(row["metadata"]),
        expires_at=row["expires_at"],
        expired_url=row["expired_url"],
        has_password=row["has_password"],
        max_clicks=row["max_clicks"],
        show_on_profile=row["show_on_profile"],
        forward_query=row["forward_query"],
        external_id=row["external_id"],
        archived=row["archived"],
        clicks=row["clicks"],
        claimed=row["claimed"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def fetch_planned(db: Connection, text: str, *values: object) -> list[asyncpg.Record]:
    # A statement of its own each time: PostgreSQL plans one that is kept without its values after five uses.
    statement = await db.prepare(text)
    rows: list[asyncpg.Record] = await statement.fetch(*values)
    return rows
