"""What has been kept long enough goes, and nothing else."""

from datetime import UTC, datetime, timedelta

from services.webhooks.housekeeping import tidy
from shared import database as databases
from shared import ids
from shared.contracts.links import LinkCreated
from shared.contracts.modes import Mode
from shared.contracts.webhooks import DeleteEndpoint
from tests.services.analytics.visits import rows, until
from tests.services.webhooks.mailbox import register, tell, until_taken_in
from tests.services.webhooks.test_intake import link
from tests.world import World


async def keep(world: World, now: datetime) -> None:
    settings = world.settings(database_url=world.database_url("webhooks"), housekeeping_rows=2)
    async with databases.connect(settings, "webhooks") as database:
        await tidy(database, settings, now)


async def test_deliveries_go_a_month_after_they_came_and_are_no_longer_counted(world: World) -> None:
    workspace = ids.new()
    mailbox, kept = await register(world, workspace, enabled=True), await register(world, workspace)
    await tell(world, *(LinkCreated(link=link(workspace)) for _ in range(7)))
    await mailbox.until(7)
    await kept.until(7)
    # What is under way stays. What has been tried is left alone for some seconds, and then for as long as this takes.
    await until(mailbox.deliveries, lambda found: all(each.attempts for each in found))
    await rows(
        world,
        """
        update webhooks.deliveries
        set created_at = created_at - interval '31 days', next_at = next_at + interval '1 day' where endpoint = $1
        """,
        mailbox.endpoint.id,
    )
    await keep(world, datetime.now(UTC))
    assert (await mailbox.deliveries(), (await mailbox.now()).waiting) == ([], 0)
    assert (len(await kept.deliveries()), (await kept.now()).waiting) == (7, 7)
    query = "select from webhooks.attempts where endpoint = $1"
    assert not await rows(world, query, mailbox.endpoint.id)


async def test_what_a_deleted_endpoint_leaves_behind_goes(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace)
    await tell(world, *(LinkCreated(link=link(workspace)) for _ in range(7)))
    await mailbox.until(7)
    await world.bus.ask(DeleteEndpoint(workspace=workspace, mode=Mode.LIVE, id=mailbox.endpoint.id))
    await tell(world, LinkCreated(link=link(workspace)))
    await until_taken_in(world)
    left = "select from webhooks.deliveries where endpoint = $1"
    assert len(await rows(world, left, mailbox.endpoint.id)) == 7
    await keep(world, datetime.now(UTC))
    assert not await rows(world, left, mailbox.endpoint.id)
    assert not await rows(world, "select from webhooks.dead_endpoints where endpoint = $1", mailbox.endpoint.id)


async def test_a_fact_is_remembered_longer_than_the_stream_keeps_it(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace)
    (event,) = await tell(world, LinkCreated(link=link(workspace)))
    await mailbox.until(1)
    known = "select from webhooks.taken where event = $1"
    now, keeps = datetime.now(UTC), timedelta(seconds=world.settings().events_keep_seconds)
    await keep(world, now + keeps)
    assert await rows(world, known, event)
    await keep(world, now + 3 * keeps)
    assert not await rows(world, known, event)
