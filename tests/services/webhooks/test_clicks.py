"""Clicks are told where somebody wants them, each once, one by one or together."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import ids
from shared.bus import PASSING_STREAM
from shared.contracts.analytics import Click, Clicked, Kind
from shared.contracts.links import CreateLink, DeleteLink, Link
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted, DeleteEndpoint, Filter, UpdateEndpoint
from tests.services.analytics.visits import batch, rows, send, until, until_drained, visit
from tests.services.keys.told import outbox_empty, told
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.mailbox import forgetful_stream, register, tell, until_taken_in
from tests.world import World

CLICKED = "link.clicked"


def click(link: str, at: datetime | None = None) -> Click:
    at = at or datetime.now(UTC)
    name = ids.new()
    return Click(
        name, int(at.timestamp() * 1000), link, "AT", "AT-9", "Desktop", "Linux", "Firefox", "Direct", "de", *[""] * 5
    )


async def new_link(world: World, workspace: str, **fields: Any) -> Link:
    ask = CreateLink(workspace=workspace, mode=Mode.LIVE, destination_url="https://example.com/", **fields)
    return await world.bus.ask(ask)


async def clicked(world: World, workspace: str, *clicks: Click, mode: Mode = Mode.LIVE) -> None:
    await tell(world, Clicked(workspace=workspace, mode=mode, clicks=clicks))


async def until_wanted(world: World, workspace: str, wanted: bool = True) -> None:
    """Waits until analytics have heard of it."""
    query = "select from analytics.wishes where workspace = $1 and wanted = $2"
    await until(lambda: rows(world, query, workspace, wanted), bool)


async def test_a_click_is_told_with_what_is_known_of_it_and_of_its_link(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace, CLICKED)
    link = await new_link(world, workspace, title="Summer", tags=("sale",), external_id="42")
    await until_wanted(world, workspace)
    at = datetime.now(UTC)
    await send(world, batch([visit(workspace, link.id, at=at, country="AT", region="AT-9", query="utm_source=News")]))
    (body,) = await mailbox.until(1)
    data = body["data"]
    assert body["type"] == CLICKED
    assert body["id"].removeprefix("evt_") == data.pop("id").removeprefix("click_")
    assert body["createdAt"] == data.pop("clickedAt") == at.isoformat(timespec="milliseconds")[:-6] + "Z"
    short_url = data["link"].pop("shortUrl")
    assert short_url.endswith(f"/{link.slug}")
    assert data == {
        "link": {
            "id": f"lnk_{link.id}",
            "shortCode": link.slug,
            "destinationUrl": "https://example.com/",
            "title": "Summer",
            "tags": ["sale"],
            "externalId": "42",
        },
        "country": "AT",
        "region": "AT-9",
        "device": "Desktop",
        "os": "Linux",
        "browser": "Firefox",
        "referrer": "example.com",
        "language": "de",
        "utmSource": "news",
        "utmMedium": None,
        "utmCampaign": None,
        "utmTerm": None,
        "utmContent": None,
    }


async def test_nobody_is_told_of_clicks_that_nobody_wants_and_robots_and_views_are_told_to_nobody(
    world: World,
) -> None:
    workspace, quiet = ids.new(), ids.new()
    mailbox = await register(world, workspace, CLICKED)
    await register(world, quiet, "link.created")
    await until_wanted(world, workspace)
    at = datetime.now(UTC)
    visits = [
        visit(workspace, ids.new(), at=at, bot=True),
        visit(workspace, ids.new(), at=at, user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)"),
        visit(workspace, at=at, kind=Kind.VIEW),
        visit(workspace, ids.new(), at=at, mode=Mode.TEST),
        visit(quiet, ids.new(), at=at),
        visit(workspace, "A" * 22, at=at),
    ]
    await send(world, batch(visits))
    (body,) = await mailbox.until(1)
    await until_drained(world)
    await outbox_empty(world, "analytics")
    await until_taken_in(world)
    assert body["data"]["link"]["id"] == f"lnk_{'A' * 22}"
    assert len(await mailbox.deliveries()) == 1


async def test_clicks_are_wanted_from_the_first_endpoint_that_hears_them_to_the_last(world: World) -> None:
    workspace = ids.new()

    async def words() -> list[tuple[bool, int]]:
        await asyncio.sleep(0.2)
        return [(each.wanted, each.version) for each in await told(world, ClicksWanted) if each.workspace == workspace]

    await register(world, workspace, "link.created")
    assert await words() == []
    first, second = await register(world, workspace, CLICKED), await register(world, workspace)
    assert await words() == [(True, 1)]
    change = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=first.endpoint.id, enabled=False)
    await world.bus.ask(change)
    assert await words() == [(True, 1)]
    await world.bus.ask(DeleteEndpoint(workspace=workspace, mode=Mode.LIVE, id=second.endpoint.id))
    assert await words() == [(True, 1), (False, 2)]
    await until_wanted(world, workspace, False)
    change = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=first.endpoint.id, enabled=True)
    await world.bus.ask(change)
    assert await words() == [(True, 1), (False, 2), (True, 3)]
    change = UpdateEndpoint(workspace=workspace, mode=Mode.LIVE, id=first.endpoint.id, topics=("key.created",))
    await world.bus.ask(change)
    assert await words() == [(True, 1), (False, 2), (True, 3), (False, 4)]


async def test_an_old_word_about_wishes_that_comes_late_is_not_heeded(world: World) -> None:
    workspace = ids.new()
    for wanted, version in ((True, 1), (False, 4), (True, 3)):
        await tell(world, ClicksWanted(workspace=workspace, mode=Mode.LIVE, wanted=wanted, version=version))
    query = "select wanted, version from analytics.wishes where workspace = $1"
    await until(lambda: rows(world, query, workspace), lambda found: bool(found) and found[0]["version"] == 4)
    assert [row["wanted"] for row in await rows(world, query, workspace)] == [False]


async def test_clicks_pass_the_filters_that_their_links_pass(world: World) -> None:
    workspace = ids.new()
    sale, other = await new_link(world, workspace, tags=("sale",)), await new_link(world, workspace)
    gone = await new_link(world, workspace, tags=("sale",))
    await world.bus.ask(DeleteLink(workspace=workspace, mode=Mode.LIVE, id=gone.id))
    given = {
        "all": Filter(),
        "tag": Filter(tags=("sale",)),
        "link": Filter(links=(other.id, gone.id)),
        "home": Filter(domains=("",)),
        "elsewhere": Filter(domains=("go.example",)),
    }
    boxes = {name: await register(world, workspace, CLICKED, filter=each) for name, each in given.items()}
    await clicked(world, workspace, *map(click, (sale.id, other.id, gone.id)))
    await boxes["all"].until(3)
    heard = {name: {body["data"]["link"]["id"][4:] for body in await box.until(0)} for name, box in boxes.items()}
    assert heard == {
        "all": {sale.id, other.id, gone.id},
        "tag": {sale.id},
        "link": {other.id, gone.id},
        "home": {sale.id, other.id},
        "elsewhere": set(),
    }


async def test_clicks_that_are_wanted_together_come_up_to_a_hundred_at_a_time(world: World, copies: Copies) -> None:
    workspace, link = ids.new(), ids.new()
    async with copies(webhook_batch_seconds=60):
        mailbox = await register(world, workspace, CLICKED, batch=True)
        # Not earlier: what was clicked some seconds before an endpoint was there is none of its business.
        clicks = [click(link) for _ in range(250)]
        for begin in range(0, 250, 25):
            await clicked(world, workspace, *clicks[begin : begin + 25])
        bodies = await mailbox.until(3)
        await until_taken_in(world)
        bodies = await mailbox.until(3)
        waiting = (await mailbox.now()).waiting
        last = (await mailbox.deliveries())[-1]
        tried = await until(mailbox.deliveries, lambda deliveries: all(each.attempts for each in deliveries[:2]))
    assert [len(body["data"]["clicks"]) for body in bodies] == [100, 100, 50]
    named = [each["id"] for body in bodies for each in body["data"]["clicks"]]
    assert named == [f"click_{each.id}" for each in clicks]
    assert waiting == 3
    # The full ones were sent at once; the last one waits for more.
    assert tried[2].attempts == 0
    assert last.next_at
    assert last.next_at - last.created_at > timedelta(seconds=59)


async def test_clicks_that_are_heard_again_are_told_once(world: World, copies: Copies) -> None:
    workspace = ids.new()
    async with copies(webhook_batch_seconds=60):
        together = await register(world, workspace, CLICKED, batch=True)
        one_by_one = await register(world, workspace, CLICKED)
        fact = Clicked(workspace=workspace, mode=Mode.LIVE, clicks=tuple(click(ids.new()) for _ in range(3)))
        (event,) = await tell(world, fact)
        await one_by_one.until(3)
        async with forgetful_stream(world, PASSING_STREAM) as tell_anew:
            for _ in range(3):
                await tell_anew(fact, event)
        await until_taken_in(world)
        (body,) = await together.until(1)
        assert [each["id"] for each in body["data"]["clicks"]] == [f"click_{each.id}" for each in fact.clicks]
        assert len(await one_by_one.deliveries()) == 3
        assert ((await one_by_one.now()).waiting, (await together.now()).waiting) == (3, 1)


async def test_a_message_of_clicks_is_open_for_its_time_only(world: World, copies: Copies) -> None:
    workspace = ids.new()
    async with copies(webhook_batch_seconds=60):
        mailbox = await register(world, workspace, CLICKED, batch=True)
        for _ in range(5):
            await clicked(world, workspace, click(ids.new()))
            await until_taken_in(world)
        # As if its time were over.
        await rows(world, "update webhooks.deliveries set open_until = now() where endpoint = $1", mailbox.endpoint.id)
        await clicked(world, workspace, click(ids.new()))
        bodies = await mailbox.until(2)
    assert [len(body["data"]["clicks"]) for body in bodies] == [5, 1]


async def test_clicks_wait_for_the_links_service_and_other_facts_do_not(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace, CLICKED)
    other = await register(world, workspace, "key.created")
    account = await world.account()
    third = await register(world, account.workspace.id, "key.created")
    process = world.services["links"]
    process.signal(signal.SIGSTOP)
    try:
        await clicked(world, workspace, click(ids.new()))
        await world.key(account)
        await third.until(1)
        assert await mailbox.deliveries() == []
    finally:
        process.signal(signal.SIGCONT)
    await mailbox.until(1)
    assert await other.deliveries() == []


async def test_clicks_from_before_the_endpoint_was_there_are_not_told(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace, CLICKED)
    before = datetime.now(UTC) - timedelta(seconds=60)
    await clicked(world, workspace, click(ids.new(), before), click("A" * 22))
    (body,) = await mailbox.until(1)
    await until_taken_in(world)
    assert body["data"]["link"]["id"] == f"lnk_{'A' * 22}"
    assert len(await mailbox.deliveries()) == 1
