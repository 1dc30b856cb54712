import random
import signal

from shared import ids
from shared.contracts.analytics import Batch, Kind
from tests.services.analytics.conftest import Copies
from tests.services.analytics.visits import (
    batch,
    counted,
    everywhere,
    overview,
    rows,
    send,
    until,
    until_drained,
    visit,
)
from tests.world import World

KILLS = 6


def batches(workspace: str, number: int, size: int, links: int) -> tuple[list[Batch], int, int, int]:
    """Batches of visits over few links, in another order each; and the clicks, bots and views that are in them."""
    known = [ids.new() for _ in range(links)]
    visits = [
        visit(workspace, kind=Kind.VIEW) if each % 5 == 0 else visit(workspace, random.choice(known), bot=each % 7 == 0)
        for each in range(number * size)
    ]
    clicks = sum(each.kind is Kind.CLICK and not each.bot for each in visits)
    bots = sum(each.bot for each in visits)
    views = sum(each.kind is Kind.VIEW for each in visits)
    return [batch(visits[begin : begin + size]) for begin in range(0, len(visits), size)], clicks, bots, views


async def test_a_copy_that_is_killed_again_and_again_loses_and_repeats_nothing(world: World, copies: Copies) -> None:
    workspace = ids.new()
    all_batches, clicks, bots, views = batches(workspace, 200, size=50, links=40)
    share = len(all_batches) // (KILLS + 1)

    async def stored() -> int:
        known = [each.id for each in all_batches]
        return len(await rows(world, "select from analytics.batches where id = any($1)", known))

    async with copies(1) as (process,):
        for kill in range(KILLS):
            before = await stored()
            await send(world, *all_batches[kill * share : (kill + 1) * share])
            # It works on the next ones as soon as the first ones can be seen.
            await until(stored, lambda number, before=before: number > before)  # type: ignore[misc]
            await process.stop(signal.SIGKILL)
            await process.start()
        await send(world, *all_batches[KILLS * share :])
        await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks, bots, views)


async def test_two_copies_count_the_same_links_at_once_without_a_deadlock(world: World, copies: Copies) -> None:
    workspace = ids.new()
    all_batches, clicks, bots, views = batches(workspace, 40, size=1000, links=1000)
    async with copies(2) as both:
        await send(world, *all_batches)
        await until_drained(world)
        assert await counted(world, workspace) == everywhere(clicks, bots, views)
        assert not any("deadlock" in process.said for process in both)


async def test_each_copy_goes_on_when_the_other_hangs(world: World, copies: Copies) -> None:
    workspace, link = ids.new(), ids.new()
    async with copies(2) as both:
        for hanging in both:
            hanging.signal(signal.SIGSTOP)
            await send(world, *(batch([visit(workspace, link)]) for _ in range(10)))
            await until_drained(world)
            hanging.signal(signal.SIGCONT)
    assert await counted(world, workspace) == everywhere(clicks=20, bots=0, views=0)


async def test_while_the_database_cannot_take_them_batches_wait_and_none_is_lost(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    owner = await world.connect()
    async with owner.transaction():
        # Longer than the service waits for a lock, so that it has to give up at least once.
        await owner.execute("lock table analytics.link_days in exclusive mode")
        await send(world, *(batch([visit(workspace, link)]) for _ in range(30)))
        await world.services["analytics"].until_says("Waiting for the database")
        assert (await overview(world, workspace)).clicks == 0
    await owner.close()
    await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks=30, bots=0, views=0)


async def test_a_copy_that_is_stopped_hands_over_what_it_holds_at_once(world: World) -> None:
    workspace, link = ids.new(), ids.new()
    process = world.services["analytics"]
    owner = await world.connect()
    async with owner.transaction():
        await owner.execute("lock table analytics.link_days in exclusive mode")
        await send(world, *(batch([visit(workspace, link)]) for _ in range(5)))
        await until(lambda: _waiting(world), lambda number: number > 0)
        assert await process.stop() == 0
    await owner.close()
    await process.start_serving()
    # Far less than the half minute after which the server would deliver again by itself.
    await until(lambda: overview(world, workspace), lambda seen: seen.clicks == 5, seconds=20)


async def _waiting(world: World) -> int:
    """Transactions of the service that wait for a lock."""
    query = "select from pg_stat_activity where application_name = 'waypost analytics' and wait_event_type = 'Lock'"
    return len(await rows(world, query))
