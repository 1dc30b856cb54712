"""Whatever is killed, a fact becomes one delivery for each endpoint that is to be told of it, and so does a click."""

import asyncio
import contextlib
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from shared import ids
from shared.contracts.links import LinkCreated
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted
from tests.services.analytics.visits import batch, counted, rows, send, until, until_drained, visit
from tests.services.keys.told import outbox_empty
from tests.services.webhooks.mailbox import register, tell, until_taken_in
from tests.services.webhooks.test_intake import link
from tests.world import Process, World

FACTS = 600
KILLS = 10


@contextlib.asynccontextmanager
async def hurried(world: World, name: str, **settings: object) -> AsyncIterator[Process]:
    """Instead of the world's own copy: one whose death the server notices within a second."""
    own = world.services[name]
    await own.stop()
    process = world.services[name] = world.service(name, 9, ingest_ack_wait_seconds=1, **settings)
    try:
        await process.start_serving()
        yield process
    finally:
        await process.stop()
        world.services[name] = own
        await own.start()
        await world.until_answered(name)


async def test_a_service_that_is_killed_again_and_again_loses_no_fact_and_tells_none_twice(world: World) -> None:
    workspace = ids.new()
    query = "select event from webhooks.deliveries where endpoint = $1"
    told: list[str] = []
    async with hurried(world, "webhooks", webhook_intake_facts=20) as process:
        mailboxes = [await register(world, workspace) for _ in range(3)]
        for _ in range(KILLS):
            before = len(await rows(world, query, mailboxes[-1].endpoint.id))
            named = [ids.new() for _ in range(FACTS // KILLS)]
            told += named
            facts = [LinkCreated(link=link(workspace)) for _ in named]
            telling = asyncio.create_task(tell(world, *facts, event_ids=named), name="telling")
            # It works on the next ones as soon as the first ones can be seen.
            await until(
                lambda: rows(world, query, mailboxes[-1].endpoint.id),
                lambda found, before=before: len(found) > before,  # type: ignore[misc]
            )
            await asyncio.sleep(random.uniform(0, 0.03))
            await process.stop(signal.SIGKILL)
            await process.start()
            await telling
        await world.until_answered("webhooks")
        await until_taken_in(world)
        for mailbox in mailboxes:
            found = Counter(row["event"] for row in await rows(world, query, mailbox.endpoint.id))
            assert found == Counter(told)
            endpoint = await mailbox.now()
            assert (endpoint.waiting, endpoint.dropped) == (FACTS, 0)


async def test_each_click_that_is_counted_is_told_once_whoever_is_killed_meanwhile(world: World) -> None:
    workspace = ids.new()
    clicks = 50 * sum(n % 7 != 0 for n in range(40))
    async with (
        hurried(world, "analytics", ingest_batches=2) as counting,
        hurried(world, "webhooks", webhook_intake_facts=5) as telling,
    ):
        one_by_one, together = await register(world, workspace), await register(world, workspace, batch=True)
        await until(lambda: rows(world, "select from analytics.wishes where workspace = $1", workspace), bool)

        links, now = [ids.new() for _ in range(5)], datetime.now(UTC)
        batches = [batch(visit(workspace, links[n % 5], at=now, bot=n % 7 == 0) for n in range(40)) for _ in range(50)]

        async def counted_clicks() -> int:
            return (await counted(world, workspace))["raw"][0]

        for begin in range(0, 50, 5):
            before = await counted_clicks()
            await send(world, *batches[begin : begin + 5])
            await until(counted_clicks, lambda clicks, before=before: clicks > before)  # type: ignore[misc]
            await asyncio.sleep(random.uniform(0, 0.03))
            # Every other time whoever hears of it, too.
            for process in (counting, telling)[: 1 + begin // 5 % 2]:
                await process.stop(signal.SIGKILL)
                await process.start()
        await until(counted_clicks, lambda found: found == clicks, seconds=60)
        for name in ("analytics", "webhooks"):
            await world.until_answered(name)
        await until_drained(world)
        await outbox_empty(world, "analytics")
        await until_taken_in(world)
    query = "select event, body from webhooks.deliveries where endpoint = $1"
    single = Counter(row["event"] for row in await rows(world, query, one_by_one.endpoint.id))
    gathered = Counter(
        each["id"].removeprefix("click_")
        for row in await rows(world, query, together.endpoint.id)
        for each in json.loads(row["body"])["data"]["clicks"]
    )
    assert (len(single), set(single.values())) == (clicks, {1})
    assert gathered == single


async def test_a_wish_that_is_told_while_clicks_are_counted_is_heeded_by_the_next_transaction(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace)
    await until(lambda: rows(world, "select from analytics.wishes where workspace = $1 and wanted", workspace), bool)
    await send(world, batch([visit(workspace, ids.new(), at=datetime.now(UTC))]))
    await mailbox.until(1)
    await tell(world, ClicksWanted(workspace=workspace, mode=Mode.LIVE, wanted=False, version=9))
    await until(
        lambda: rows(world, "select from analytics.wishes where workspace = $1 and not wanted", workspace), bool
    )
    await send(world, batch([visit(workspace, ids.new(), at=datetime.now(UTC))]))
    await until(lambda: counted(world, workspace), lambda found: found["raw"][0] == 2)
    await outbox_empty(world, "analytics")
    await until_taken_in(world)
    assert len(await mailbox.deliveries()) == 1
