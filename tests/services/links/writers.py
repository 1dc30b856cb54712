"""Links of every kind, and writers that change them all at once, past the service."""

import random
from datetime import UTC, datetime, timedelta

from shared import ids
from shared.database import Connection
from tests.world import World

BEGUN = datetime(2025, 1, 1, tzinfo=UTC)

_INSERT = """
insert into links.links (
    id, workspace, mode, domain, domain_id, slug, destination_url, active, position, tags, metadata, show_on_profile,
    forward_query, clicks, created_at, archived, lapsed
)
select $1, $2, 'live', coalesce(d.name, ''), d.id, $1, 'https://example.com', $3, $4, $5, '{}', true, false, $6, $7,
       $8, $9
from (values (1)) as one left join links.domains d on d.workspace = $2 and $10
"""


async def insert(db: Connection, workspace: str, chance: random.Random) -> str:
    """A link from any time, clicked any number of times, at any position."""
    age = timedelta(seconds=chance.choice((1, 100, 10_000, 10_000_000)) * chance.random())
    clicks = chance.choice((0, 0, chance.randrange(12), chance.randrange(2_000), chance.randrange(10**9)))
    link = ids.new((BEGUN + age).timestamp())
    position = chance.choice((0, chance.randrange(1_000), chance.randrange(1_000_000)))
    flags = [chance.random() < 0.3 for _ in range(3)]
    tags = [tag for tag in "ab" if chance.random() < 0.5]
    values = (position, tags, clicks, BEGUN + age, flags[1], flags[2], chance.random() < 0.3)
    await db.execute(_INSERT, link, workspace, not flags[0], *values)
    return link


def domain_of(workspace: str) -> str:
    return f"{workspace.lower()}.example"


async def own_domain(db: Connection, workspace: str) -> None:
    """From then on some of the links of the workspace are on it."""
    await db.execute(
        """
        insert into links.domains (id, workspace, mode, name, token, verified_at, created_at, updated_at)
        values ($1, $1, 'live', $2, '', now(), now(), now())
        """,
        workspace,
        domain_of(workspace),
    )


async def change(db: Connection, link: str, chance: random.Random) -> None:
    changes = [
        "clicks = clicks + 1",
        "clicks = clicks * 3 + 7, lapsed = not lapsed",
        "archived = not archived",
        "active = not active, position = position + 700",
        "tags = array['c'], clicks = clicks + 100",
        "title = 'another'",
        "title = 'The Example of ' || slug",
        "destination_url = 'https://elsewhere.net/' || slug",
        "destination_url = 'https://example.com', expires_at = now()",
    ]
    await db.execute(f"update links.links set {chance.choice(changes)} where id = $1", link)


async def fill(db: Connection, workspace: str, chance: random.Random, count: int) -> list[str]:
    async with db.transaction():
        return [await insert(db, workspace, chance) for _ in range(count)]


async def undo_a_change(db: Connection, link: str, chance: random.Random) -> None:
    part = db.transaction()
    await part.start()
    await change(db, link, chance)
    await part.rollback()


async def work(world: World, workspace: str, links: list[str], seed: int) -> None:
    """Transactions of several changes each, some of them undone."""
    chance = random.Random(seed)
    db = await world.connect()
    try:
        for _ in range(25):
            transaction = db.transaction()
            await transaction.start()
            # In one order, so that writers do not wait in a circle.
            for link in sorted(chance.sample(links, 4)):
                await change(db, link, chance)
            made = await insert(db, workspace, chance)
            if chance.random() < 0.3:
                await undo_a_change(db, made, chance)
            if chance.random() < 0.3:
                await db.execute("delete from links.links where id = $1", made)
            if chance.random() < 0.2:
                await transaction.rollback()
            else:
                await transaction.commit()
    finally:
        await db.close()
