"""Visits as the gateways send them, and a look at what has become of them."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

import asyncpg
import msgspec

from shared import ids
from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT, Batch, GetOverview, Kind, Overview, Visit
from shared.contracts.modes import Mode
from tests.world import World

T = TypeVar("T")

# Of today, because raw visits are not kept for ever.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
THAT_DAY = NOON.date()


def visit(
    workspace: str,
    link: str = "",
    *,
    at: datetime = NOON,
    kind: Kind = Kind.CLICK,
    mode: Mode = Mode.LIVE,
    bot: bool = False,
    visitor: str = "somebody",
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    referrer: str = "https://example.com/a-page",
    language: str = "de-AT,de;q=0.9",
    query: str = "utm_source=news",
    took_us: int = 180,
    country: str = "",
    region: str = "",
    code: str = "",
) -> Visit:
    return Visit(
        kind=kind,
        at=int(at.timestamp() * 1000),
        workspace=workspace,
        mode=mode,
        link=link,
        visitor=hashlib.blake2b(visitor.encode(), digest_size=16).digest(),
        bot=bot,
        took_us=took_us,
        user_agent=user_agent,
        referrer=referrer,
        language=language,
        query=query,
        country=country,
        region=region,
        code=code,
    )


def batch(visits: Iterable[Visit]) -> Batch:
    return Batch(id=ids.new(), visits=tuple(visits))


async def send(world: World, *batches: Batch) -> None:
    await asyncio.gather(
        *(world.bus.publish(CLICKS_SUBJECT, msgspec.msgpack.encode(each), each.id, 5) for each in batches)
    )


async def overview(
    world: World, workspace: str, mode: Mode = Mode.LIVE, first: date = THAT_DAY, last: date = THAT_DAY
) -> Overview:
    return await world.bus.ask(GetOverview(workspace=workspace, mode=mode, first=first, last=last))


async def until(look: Callable[[], Awaitable[T]], wanted: Callable[[T], bool], seconds: float = 60) -> T:
    """What ``look`` sees as soon as it is as wanted.

    What was on its way to a copy that has just ended is delivered to another one half a minute later.
    """
    deadline = time.monotonic() + seconds
    while not wanted(seen := await look()):
        assert time.monotonic() < deadline, f"still {seen!r} after {seconds} s"
        await asyncio.sleep(0.02)
    return seen


async def until_drained(world: World) -> None:
    """Waits until every message of the click stream has been acknowledged, which removes it there.

    The consumer's own numbers would not do: it may hear of a message a moment after it has been published.
    """

    async def left() -> int:
        reply = await world.bus._client.request(f"$JS.API.STREAM.INFO.{CLICKS_STREAM}", timeout=5)
        return int(msgspec.json.decode(reply.data)["state"]["messages"])

    await until(left, lambda number: number == 0)


async def rows(world: World, query: str, *values: object) -> Sequence[asyncpg.Record]:
    """Read as the owner of the database."""
    owner = await world.connect()
    try:
        return await owner.fetch(query, *values)
    finally:
        await owner.close()


async def counted(world: World, workspace: str) -> dict[str, tuple[int, ...]]:
    """Clicks, bots and views of a workspace, in each place where they can be found."""
    places = {
        "raw": """
            select count(*) filter (where kind = 'click' and not bot), count(*) filter (where kind = 'click' and bot),
                   count(*) filter (where kind = 'view' and not bot)
            from analytics.visits where workspace = $1""",
        "links": "select sum(clicks), sum(bots) from analytics.link_days where workspace = $1",
        "workspace": "select sum(clicks), sum(bots), sum(views) from analytics.workspace_days where workspace = $1",
        "link totals": """
            select sum(clicks) from analytics.link_totals
            where link in (select link from analytics.link_days where workspace = $1)""",
        "profile totals": "select sum(views) from analytics.profile_totals where workspace = $1",
    }
    return {
        place: tuple(int(number or 0) for number in (await rows(world, query, workspace))[0])
        for place, query in places.items()
    }


def everywhere(clicks: int, bots: int, views: int) -> dict[str, tuple[int, ...]]:
    """What `counted` finds when every place agrees."""
    return {
        "raw": (clicks, bots, views),
        "links": (clicks, bots),
        "workspace": (clicks, bots, views),
        "link totals": (clicks,),
        "profile totals": (views,),
    }
