"""One visitor is one visitor for a day, at every gateway; and nobody can tell afterwards who it was."""

import time
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest

from gateway.redirect.visitors import AFTER_SECONDS, AHEAD_SECONDS, BUCKET, LOOK_SECONDS, SALT_SECONDS, Visitors
from shared import bus as buses
from shared.ids import new as new_id
from tests.client import Client, until
from tests.world import PATIENT, PATIENT_BUS, World

DAY = 86_400
NOW = 20_000 * DAY + 12 * 3600.0  # at noon of a day long past
MIDNIGHT = 20_001 * DAY


@pytest.fixture
async def two(world: World) -> AsyncIterator[tuple[Visitors, Visitors]]:
    """As two gateways have them: each with a connection of its own."""
    settings = world.settings("test", **PATIENT_BUS)
    async with buses.connect(settings) as one, buses.connect(settings) as other:
        yield Visitors(one, settings), Visitors(other, settings)


def seen(visitors: Visitors, now: float = NOW, workspace: str = "w", address: str = "127.77.3.1") -> bytes:
    return visitors.of(workspace, address, "a browser", now)


async def test_a_visitor_is_the_same_at_every_gateway_for_a_day_and_another_the_next(
    two: tuple[Visitors, Visitors],
) -> None:
    for visitors in two:
        await visitors.renew(NOW)
        await visitors.renew(MIDNIGHT - AHEAD_SECONDS)  # late enough for tomorrow's salt
    for moment in (MIDNIGHT - DAY, NOW, MIDNIGHT - 0.001):
        assert {seen(visitors, moment) for visitors in two} == {seen(two[0])}
    tomorrow = {seen(visitors, MIDNIGHT) for visitors in two}
    assert len(tomorrow) == 1
    assert tomorrow != {seen(two[0])}


async def test_visitors_differ_by_address_browser_and_workspace(two: tuple[Visitors, Visitors]) -> None:
    visitors, _ = two
    await visitors.renew(NOW)
    ids = {
        seen(visitors),
        seen(visitors, address="127.77.3.2"),
        seen(visitors, workspace="x"),
        visitors.of("w", "127.77.3.1", "another browser", NOW),
        # What belongs to one part cannot pass for a part of the next.
        visitors.of("w", "127.77.3.1a", " browser", NOW),
    }
    assert len(ids) == 5
    assert {len(each) for each in ids} == {16}


async def test_a_gateway_without_the_salt_counts_on_and_agrees_as_soon_as_it_has_it(
    two: tuple[Visitors, Visitors],
) -> None:
    late, other = two
    await other.renew(NOW)
    alone = seen(late)
    assert seen(late) == alone
    assert alone != seen(other)
    await late.renew(NOW)
    assert seen(late) == seen(other)


async def test_a_salt_that_is_over_is_forgotten_soon_after_its_day(two: tuple[Visitors, Visitors]) -> None:
    visitors, _ = two
    await visitors.renew(NOW)
    then = seen(visitors)
    await visitors.renew(MIDNIGHT + AFTER_SECONDS - 1)
    assert seen(visitors) == then
    await visitors.renew(MIDNIGHT + AFTER_SECONDS)
    assert seen(visitors) != then  # made with a stopgap: the salt itself is not there any more


async def test_a_salt_is_destroyed_within_48_hours_but_lives_through_its_day(
    world: World, two: tuple[Visitors, Visitors]
) -> None:
    await two[0].renew(NOW)
    info = await world.bus._client.jetstream().stream_info(f"KV_{BUCKET}")
    assert info.config.max_age == SALT_SECONDS <= 48 * 3600
    assert info.config.max_msgs_per_subject == 1
    assert SALT_SECONDS >= AHEAD_SECONDS + DAY
    assert AHEAD_SECONDS + DAY + AFTER_SECONDS + LOOK_SECONDS <= 48 * 3600


async def test_a_bucket_that_kept_its_values_longer_keeps_them_no_longer_than_asked_for(world: World) -> None:
    bucket = f"long_{new_id()}"
    assert await world.bus.keep_first(bucket, "a", b"one", seconds=3600) == b"one"
    assert await world.bus.keep_first(bucket, "a", b"two", seconds=60) == b"one"
    stream = world.bus._client.jetstream()
    assert (await stream.stream_info(f"KV_{bucket}")).config.max_age == 60
    await stream.delete_stream(f"KV_{bucket}")


async def test_what_a_bucket_keeps_is_gone_when_its_time_is_over(world: World) -> None:
    bucket = f"brief_{new_id()}"

    async def first(value: bytes) -> bytes:
        return await world.bus.keep_first(bucket, "a", value, seconds=2)

    began = time.monotonic()
    assert await first(b"one") == b"one"
    second = await first(b"two")
    assert second == b"one" or time.monotonic() - began >= 2
    await until(lambda: first(b"three"), lambda kept: kept == b"three")
    assert time.monotonic() - began >= 2
    await world.bus._client.jetstream().delete_stream(f"KV_{bucket}")


async def test_a_visit_at_either_gateway_is_one_visitor(world: World, client: Client) -> None:
    gateways = [await world.start_gateway(f"gateway-visitors-{number}", **PATIENT) for number in (1, 2)]
    link = await client.new_link()
    for address in ("127.77.3.1", "127.77.3.2"):
        connector = aiohttp.TCPConnector(local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": "Mozilla/5.0"}) as session:
            for gateway in gateways * 2:
                visit = await Client(session, gateway.url, None, None).get(f"/{link['shortCode']}")
                assert visit.status == 302
    owner = await world.connect()

    async def visitors() -> list[asyncpg.Record]:
        return await owner.fetch(
            "select visitor, count(*) as visits from analytics.visits where link = $1 group by visitor",
            link["id"].removeprefix("lnk_"),
        )

    found, _ = await until(visitors, lambda rows: sum(row["visits"] for row in rows) == 8)
    await owner.close()
    assert [row["visits"] for row in found] == [4, 4]
    for gateway in gateways:
        await gateway.process.stop()
