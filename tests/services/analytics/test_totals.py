import re
import signal
import time

from shared import ids
from shared.contracts.analytics import Kind
from shared.contracts.links import CreateLink, GetLink, Link
from shared.contracts.modes import Mode
from shared.contracts.profile import GetProfile
from tests.services.analytics.conftest import Copies
from tests.services.analytics.visits import batch, overview, rows, send, until, until_drained, visit
from tests.world import World


async def new_link(world: World) -> Link:
    account = await world.account()
    return await world.bus.ask(
        CreateLink(workspace=account.workspace.id, mode=Mode.LIVE, destination_url="https://example.com/")
    )


async def clicks_of(world: World, link: Link) -> int:
    """As the links service tells it."""
    return (await world.bus.ask(GetLink(workspace=link.workspace, mode=link.mode, id=link.id))).clicks


async def reported(world: World, link: str) -> tuple[int, int]:
    """The clicks of a link, and how many of them the links service has heard of."""
    [row] = await rows(world, "select clicks, reported from analytics.link_totals where link = $1", link)
    return row["clicks"], row["reported"]


async def test_a_link_knows_how_many_people_clicked_it(world: World) -> None:
    link = await new_link(world)
    for clicks in (3, 5):
        visits = [visit(link.workspace, link.id) for _ in range(clicks)]
        await send(world, batch([*visits, visit(link.workspace, link.id, bot=True)]))
        await until_drained(world)
    await until(lambda: clicks_of(world, link), lambda seen: seen == 8)
    await until(lambda: reported(world, link.id), lambda seen: seen == (8, 8))


async def test_a_profile_knows_how_often_it_was_viewed(world: World) -> None:
    account = await world.account()
    question = GetProfile(workspace=account.workspace.id, mode=Mode.LIVE)
    await world.bus.ask(question)
    views = [visit(account.workspace.id, kind=Kind.VIEW) for _ in range(4)]
    await send(world, batch([*views, visit(account.workspace.id, kind=Kind.VIEW, bot=True)]))

    async def seen() -> int:
        return (await world.bus.ask(question)).stats.views

    await until(seen, lambda number: number == 4)


async def test_every_total_is_told_when_there_are_more_than_one_message_holds(world: World, copies: Copies) -> None:
    workspace, links = ids.new(), [ids.new() for _ in range(95)]
    query = "select link from analytics.link_totals where link = any($1) and not due"
    async with copies(2, totals_batch=10):
        await send(world, batch(visit(workspace, link) for link in links))
        await until(lambda: rows(world, query, links), lambda told: len(told) == len(links))


async def test_totals_wait_for_a_links_service_that_is_away_without_flooding_the_log(
    world: World, copies: Copies
) -> None:
    link = await new_link(world)
    links = world.services["links"]
    async with copies(1, totals_flush_seconds=0.1, ingest_backoff_seconds=0.2, ask_timeout_seconds=10) as (analytics,):
        await links.stop()
        await send(world, batch([visit(link.workspace, link.id)]))
        await until_drained(world)
        assert await reported(world, link.id) == (1, 0)
        # Meanwhile totals of profiles are told, and clicks counted, as if nothing were missing.
        await send(world, batch([visit(link.workspace, link.id), visit(link.workspace, kind=Kind.VIEW)]))
        query = "select from analytics.profile_totals where workspace = $1 and not due"
        await until(lambda: rows(world, query, link.workspace), bool)
        await links.start()
        await world.until_answered("links")
        await until(lambda: clicks_of(world, link), lambda seen: seen == 2)
        await until(lambda: reported(world, link.id), lambda seen: seen == (2, 2))
        # It says so after it has noted what was heard.
        await analytics.until_says("Going on with the links service")
        log = analytics.said
    assert log.count("Waiting for the links service") == 1
    attempts = re.findall(r"Going on with the links service after (\d+) failed attempts", log)
    assert len(attempts) == 1
    assert int(attempts[0]) > 1


async def test_a_links_service_that_hangs_holds_up_no_counting(world: World) -> None:
    link = await new_link(world)
    links = world.services["links"]
    links.signal(signal.SIGSTOP)
    try:
        took = []
        for clicks in range(1, 6):
            began = time.monotonic()
            await send(world, batch([visit(link.workspace, link.id)]))
            await until(
                lambda: overview(world, link.workspace),
                lambda seen, clicks=clicks: seen.clicks == clicks,  # type: ignore[misc]
            )
            took.append(time.monotonic() - began)
        # Whoever waited for an answer would wait two seconds, each time. The machine may stand still once or twice.
        assert sorted(took)[2] < 1.5
    finally:
        links.signal(signal.SIGCONT)
    await until(lambda: clicks_of(world, link), lambda seen: seen == 5)
