"""What a gateway counts of the requests with each key, and how it tells the keys service."""

import logging
import signal
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.uses import Uses
from shared import bus as buses
from shared.contracts.keys import GetKeyUsage, KeyDay, KeyUsage, NewKey
from tests.world import World

DAY = 86_400


async def usage(world: World, new: NewKey) -> KeyUsage:
    return await world.bus.ask(GetKeyUsage(workspace=new.key.workspace, id=new.key.id))


async def today_of(world: World, new: NewKey) -> KeyDay:
    return (await usage(world, new)).days[-1]


def noon() -> float:
    """Of today, so that a few seconds more or less are the same day."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0).timestamp()


async def test_requests_are_told_by_what_was_answered(world: World) -> None:
    uses, now = Uses(world.bus, world.settings()), noon()
    new, other = await world.key(account := await world.account()), await world.key(account)
    for status in (200, 201, 204, 400, 403, 404, 429, 500, 503):
        uses.count(new.key.id, status, now)
    uses.count(other.key.id, 200, now + 1)
    await uses.report()
    today = datetime.now(UTC).date()
    found = await usage(world, new)
    assert found.days[-1] == KeyDay(today, succeeded=3, refused=3, limited=1, failed=2)
    assert found.key.last_used_at == datetime.fromtimestamp(now, UTC)
    assert await today_of(world, other) == KeyDay(today, 1, 0, 0, 0)


async def test_nothing_is_told_twice(world: World) -> None:
    uses, now = Uses(world.bus, world.settings()), noon()
    new = await world.key(await world.account())
    for _ in range(3):
        uses.count(new.key.id, 200, now)
        await uses.report()
        await uses.report()
    assert (await today_of(world, new)).succeeded == 3


async def test_every_key_is_told_of_however_many_there_are(world: World) -> None:
    uses, now = Uses(world.bus, world.settings(key_use_batch=2)), noon()
    account = await world.account()
    made = [await world.key(account) for _ in range(5)]
    for new in made:
        uses.count(new.key.id, 200, now)
    await uses.report()
    assert [(await today_of(world, new)).succeeded for new in made] == [1] * 5


async def test_a_request_counts_to_the_day_it_came_on(world: World) -> None:
    uses = Uses(world.bus, world.settings())
    new = await world.key(await world.account())
    midnight = time.time() // DAY * DAY
    for moment in (midnight - DAY - 0.001, midnight - DAY, midnight - 0.001, midnight, midnight + 0.001):
        uses.count(new.key.id, 200, moment)
    await uses.report()
    found = await usage(world, new)
    assert [day.succeeded for day in found.days[-4:]] == [0, 1, 2, 2]
    assert found.key.last_used_at == datetime.fromtimestamp(midnight + 0.001, UTC)


async def test_uses_that_could_not_be_told_are_told_later_and_once(world: World) -> None:
    new = await world.key(await world.account())
    async with buses.connect(world.settings(ask_timeout_seconds=1)) as hasty:
        uses, now = Uses(hasty, world.settings()), noon()
        uses.count(new.key.id, 200, now)
        world.services["keys"].signal(signal.SIGSTOP)
        try:
            await uses.report()
            uses.count(new.key.id, 404, now)
        finally:
            world.services["keys"].signal(signal.SIGCONT)
    uses._bus = world.bus
    await uses.report()
    await uses.report()
    found = await today_of(world, new)
    assert (found.succeeded, found.refused) == (1, 1)


async def test_a_report_whose_answer_was_lost_counts_once(world: World) -> None:
    uses = Uses(world.bus, world.settings())
    new = await world.key(await world.account())
    uses.count(new.key.id, 200, noon())
    report = uses._next_report()
    assert report
    for _ in range(3):
        await world.bus.ask(report)
    assert (await today_of(world, new)).succeeded == 1


async def test_what_two_gateways_tell_is_added_up(world: World) -> None:
    new = await world.key(await world.account())
    for _ in range(2):
        uses = Uses(world.bus, world.settings())
        uses.count(new.key.id, 200, noon())
        await uses.report()
    assert (await today_of(world, new)).succeeded == 2


async def test_more_keys_than_there_is_room_for_are_said_to_be_left_out(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    uses, now = Uses(world.bus, world.settings(key_use_entries=1)), noon()
    new, other = await world.key(account := await world.account()), await world.key(account)
    for _ in range(2):
        uses.count(new.key.id, 200, now)
        uses.count(other.key.id, 200, now)
    with caplog.at_level(logging.WARNING):
        await uses.report()
    assert "2 requests are not counted" in caplog.text
    assert ((await today_of(world, new)).succeeded, (await today_of(world, other)).succeeded) == (2, 0)
    uses.count(other.key.id, 200, now)
    await uses.report()
    assert (await today_of(world, other)).succeeded == 1


async def test_an_unknown_key_takes_nobody_elses_uses_along(world: World) -> None:
    uses, now = Uses(world.bus, world.settings()), noon()
    new = await world.key(await world.account())
    uses.count("0" * 22, 200, now)
    uses.count(new.key.id, 200, now)
    await uses.report()
    assert (await today_of(world, new)).succeeded == 1


async def test_counting_costs_a_request_next_to_nothing(world: World) -> None:
    uses, now, rounds = Uses(world.bus, world.settings()), noon(), 20_000
    keys = [f"key-{number}" for number in range(100)]
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        for number in range(rounds):
            uses.count(keys[number % 100], 200, now)
        best = min(best, time.perf_counter() - began)
    assert best / rounds < 1e-6, f"{best / rounds * 1e9:.0f} ns"


async def test_thirty_days_are_told_and_zeros_are_days_too(world: World) -> None:
    new = await world.key(await world.account())
    days = (await usage(world, new)).days
    today = datetime.now(UTC).date()
    assert [day.day for day in days] == [today - timedelta(days=ago) for ago in range(29, -1, -1)]
    assert {(day.succeeded, day.refused, day.limited, day.failed) for day in days} == {(0, 0, 0, 0)}
    assert isinstance(days[0].day, date)
