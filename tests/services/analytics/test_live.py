"""What the analytics put on the live stream, and that counting does not wait for it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec

from services.analytics.enrichment import Enrichment
from services.analytics.live import LEFT_OUT, Live
from shared import ids
from shared.bus import Delivery
from shared.contracts.analytics import CLICKS_SUBJECT, LIVE_STREAM, Happening, Kind, live_subject
from shared.contracts.modes import Mode
from tests.services.analytics.conftest import Copies
from tests.services.analytics.visits import batch, counted, everywhere, send, until, until_drained, visit
from tests.world import World

Shown = Callable[[], Awaitable[list[Happening]]]


@contextlib.asynccontextmanager
async def shown(world: World, workspace: str, mode: Mode = Mode.LIVE) -> AsyncIterator[Shown]:
    """Within it: all that has been shown of the workspace since, once it has been silent for a moment."""
    extent = await world.bus.extent(LIVE_STREAM)
    subject = live_subject(workspace, mode)
    follower = await world.bus.follow(LIVE_STREAM, subject, extent.next, forget_seconds=30)
    seen: list[Happening] = []

    async def look() -> list[Happening]:
        while (delivery := await follower.next(0.5)) is not None:
            seen.extend(_read(delivery))
        return seen

    yield look
    await follower.close()


def _read(delivery: Delivery) -> list[Happening]:
    return msgspec.msgpack.decode(delivery.data, type=list[Happening])


def now(*, earlier: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=earlier)


async def test_what_is_counted_is_shown_with_what_reports_say_about_it_and_nothing_of_the_visitor(
    world: World,
) -> None:
    workspace, link = ids.new(), ids.new()
    async with shown(world, workspace) as look:
        await send(world, batch([visit(workspace, link, at=now(), country="AT", region="AT-9")]))
        [happening] = await until(look, lambda seen: len(seen) == 1)
    assert happening == Happening(
        kind=Kind.CLICK,
        at=happening.at,
        link=link,
        country="AT",
        region="AT-9",
        device="Desktop",
        os="Linux",
        browser="Firefox",
        referrer="example.com",
        utm_source="news",
        utm_medium="",
        utm_campaign="",
        bot=False,
    )


async def test_a_batch_that_comes_twice_is_shown_once(world: World) -> None:
    workspace = ids.new()
    twice = batch(visit(workspace, ids.new(), at=now()) for _ in range(7))
    async with shown(world, workspace) as look:
        for message in ("first", "second"):
            payload = msgspec.msgpack.encode(twice)
            await world.bus.publish(CLICKS_SUBJECT, payload, f"{message}-{twice.id}", 5)
            await until_drained(world)
        await until(look, lambda seen: len(seen) >= 7)
        assert len(await look()) == 7


async def test_what_was_counted_but_not_shown_before_a_kill_is_shown_when_the_batch_comes_again(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    lost = batch([visit(workspace, link, at=now())])
    owner = await world.connect()
    # As a copy leaves it that is killed between the two.
    await owner.execute("insert into analytics.batches (id) values ($1)", lost.id)
    await owner.close()
    async with shown(world, workspace) as look:
        await send(world, lost)
        assert len(await until(look, lambda seen: len(seen) == 1)) == 1


async def test_a_backlog_is_counted_but_not_shown(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    async with shown(world, workspace) as look:
        await send(world, batch([visit(workspace, link, at=now(earlier=90)), visit(workspace, link, at=now())]))
        await until_drained(world)
        await until(look, lambda seen: len(seen) >= 1)
        assert len(await look()) == 1
    assert await counted(world, workspace) == everywhere(clicks=2, bots=0, views=0)


async def test_large_batches_are_shown_in_pieces_of_bounded_size(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    extent = await world.bus.extent(LIVE_STREAM)
    follower = await world.bus.follow(LIVE_STREAM, live_subject(workspace, Mode.LIVE), extent.next, forget_seconds=30)
    await send(world, batch(visit(workspace, link, at=now()) for _ in range(250)))
    sizes: list[int] = []
    while sum(sizes) < 250:
        delivery = await follower.next(10)
        assert delivery
        sizes.append(len(_read(delivery)))
    assert sizes == [100, 100, 50]
    await follower.close()


async def test_without_the_live_stream_everything_is_counted_as_ever_and_it_comes_back(
    world: World, copies: Copies
) -> None:
    workspace, link = ids.new(), ids.new()
    async with copies(1):
        await world.bus._stream.delete_stream(LIVE_STREAM)
        await send(world, *(batch([visit(workspace, link, at=now())]) for _ in range(20)))
        await until_drained(world)
        assert await counted(world, workspace) == everywhere(clicks=20, bots=0, views=0)
        # Somebody else, as the last of those may still be shown.
        other = ids.new()
        async with shown(world, other) as look:
            await send(world, batch([visit(other, link, at=now())]))
            assert len(await until(look, lambda seen: len(seen) == 1)) == 1


async def test_a_name_that_is_no_workspace_is_not_shown_and_harms_nobody(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    strange = [visit(name, link, at=now()) for name in ("", ">", "*", "a.b", "a b", "\r\n")]
    async with shown(world, workspace) as look:
        await send(world, batch([*strange, visit(workspace, link, at=now())]))
        assert len(await until(look, lambda seen: len(seen) == 1)) == 1
    await until_drained(world)


async def test_more_than_waits_at_a_time_is_left_out_and_counted_and_nobody_waits(world: World) -> None:
    settings = world.settings(live_queue_messages=3)
    live = Live(world.bus, settings)
    enrichment = Enrichment(settings)
    before = LEFT_OUT._value.get()
    for _ in range(5):
        each = batch([visit(ids.new(), at=now()), visit(ids.new(), at=now())])
        known = [(seen, enrichment.enrich(seen)) for seen in each.visits]
        live.show(live.messages(each.id, known, now().timestamp()))
    assert LEFT_OUT._value.get() - before == 7
