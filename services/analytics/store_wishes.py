"""The SQL of who wants to be told of clicks: one function per statement."""

from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted
from shared.database import Connection


async def upsert_wish(tx: Connection, wish: ClicksWanted) -> bool:
    """False when as much, or more recent, is known already: news may come late and out of order."""
    return bool(
        await tx.fetchval(
            """
            insert into wishes as kept (workspace, mode, wanted, version) values ($1, $2, $3, $4)
            on conflict (workspace, mode) do update set wanted = excluded.wanted, version = excluded.version
            where kept.version < excluded.version
            returning true
            """,
            wish.workspace,
            wish.mode,
            wish.wanted,
            wish.version,
        )
    )


async def count_change(tx: Connection) -> None:
    await tx.execute("update wishes_changes set number = number + 1")


async def find_changes(db: Connection) -> int:
    number: int = await db.fetchval("select number from wishes_changes")
    return number


async def list_wishes(db: Connection) -> frozenset[tuple[str, Mode]]:
    rows = await db.fetch("select workspace, mode from wishes where wanted")
    return frozenset((row["workspace"], Mode(row["mode"])) for row in rows)
