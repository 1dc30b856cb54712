"""How often keys were used: who is told, what is kept, and for how long."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.keys import housekeeping
from shared import database as databases
from shared import ids
from shared.contracts.keys import GetKeyUsage, RecordUses, Use
from shared.faults import Code, Fault
from tests.world import World


async def test_a_foreign_key_cannot_be_told_from_an_absent_one(world: World) -> None:
    stranger, new = await world.account(), await world.key(await world.account())
    for key_id in (new.key.id, ids.new(), "not-an-id"):
        with pytest.raises(Fault) as refusal:
            await world.bus.ask(GetKeyUsage(workspace=stranger.workspace.id, id=key_id))
        assert (refusal.value.code, refusal.value.message) == (Code.NOT_FOUND, "There is no such key")


@pytest.mark.parametrize("days", [0, -1, 91])
async def test_usage_is_told_for_up_to_ninety_days(world: World, days: int) -> None:
    new = await world.key(await world.account())
    assert len((await world.bus.ask(GetKeyUsage(workspace=new.key.workspace, id=new.key.id, days=90))).days) == 90
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(GetKeyUsage(workspace=new.key.workspace, id=new.key.id, days=days))
    assert refusal.value.details[0]["field"] == "days"


async def test_reports_at_once_in_any_order_are_all_counted(world: World) -> None:
    account = await world.account()
    made = [(await world.key(account)).key.id for _ in range(10)]
    now = datetime.now(UTC)
    reports = [
        RecordUses(
            reporter=ids.new(),
            number=1,
            uses=tuple(Use(key=key, at=now, succeeded=2, failed=1) for key in (made if n % 2 else reversed(made))),
        )
        for n in range(40)
    ]
    await asyncio.gather(*(world.bus.ask(report) for report in reports))
    for key in made:
        today = (await world.bus.ask(GetKeyUsage(workspace=account.workspace.id, id=key, days=1))).days[0]
        assert (today.succeeded, today.failed) == (80, 40)


async def test_a_late_copy_of_an_earlier_report_counts_for_nothing(world: World) -> None:
    new, now = await world.key(await world.account()), datetime.now(UTC)
    first, second = (
        RecordUses(reporter=f"r-{new.key.id}", number=number, uses=(Use(key=new.key.id, at=now, succeeded=1),))
        for number in (1, 2)
    )
    for report in (first, second, first):
        await world.bus.ask(report)
    assert (await world.bus.ask(GetKeyUsage(workspace=new.key.workspace, id=new.key.id))).days[-1].succeeded == 2


async def test_what_is_older_than_agreed_is_deleted(world: World) -> None:
    new, now = await world.key(await world.account()), datetime.now(UTC)
    # Two rows fit into one step of the housekeeping, so three days take two.
    settings = world.settings(database_url=world.database_url("keys"), housekeeping_rows=2)
    uses = tuple(Use(key=new.key.id, at=now - timedelta(days=ago), succeeded=1) for ago in (0, 89, 101, 102, 103))
    await world.bus.ask(RecordUses(reporter=f"old-{new.key.id}", number=1, uses=uses))
    owner = await world.connect()
    await owner.execute(
        "update keys.use_reports set reported_at = now() - interval '2 days' where reporter = $1", f"old-{new.key.id}"
    )
    async with databases.connect(settings, "keys") as database:
        await housekeeping.tidy(database, settings, now)
    kept = await owner.fetch("select day from keys.key_days where key_id = $1 order by day", new.key.id)
    reports = await owner.fetchval("select count(*) from keys.use_reports where reporter = $1", f"old-{new.key.id}")
    await owner.close()
    assert [row["day"] for row in kept] == [now.date() - timedelta(days=ago) for ago in (89, 0)]
    assert reports == 0
