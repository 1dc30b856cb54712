"""Links that end while a test looks on, however long their making takes: an end that is past already is refused."""

from datetime import UTC, datetime, timedelta

from tests.world import World


def later() -> datetime:
    """An end that is far away, until `ends_soon`."""
    return datetime.now(UTC) + timedelta(hours=1)


async def ends_soon(world: World, link: str, seconds: float = 0.3) -> None:
    """Moves the end that a link has been given, by its bare id; nobody is told."""
    owner = await world.connect()
    try:
        # What the table's triggers write is found where the service would find it.
        await owner.execute("set search_path to links")
        query = "update links.links set expires_at = now() + make_interval(secs => $2) where id = $1"
        assert await owner.execute(query, link, seconds) == "UPDATE 1"
    finally:
        await owner.close()
