import hashlib
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from shared import ids
from shared.contracts.analytics import CLICKS_SUBJECT
from tests.services.analytics.conftest import Copies
from tests.services.analytics.visits import NOON, batch, counted, everywhere, rows, send, until, until_drained, visit
from tests.world import World


def no_batch() -> bytes:
    return b"\xc1 no msgpack at all " + ids.new().encode()


def no_time() -> bytes:
    """Well-formed, but the time of one visit is in no calendar."""
    good = visit(ids.new(), ids.new())
    return msgspec.msgpack.encode(batch([good, msgspec.structs.replace(good, at=1 << 60)]))


def no_number() -> bytes:
    """Well-formed, but one number has no place in its column."""
    good = visit(ids.new(), ids.new())
    return msgspec.msgpack.encode(batch([good, msgspec.structs.replace(good, took_us=1 << 40)]))


@pytest.mark.parametrize("make", [no_batch, no_time, no_number])
async def test_a_bad_batch_ends_in_the_dead_letters_and_the_others_are_counted(
    world: World, copies: Copies, make: Callable[[], bytes]
) -> None:
    payload = make()
    workspace = ids.new()
    letter = hashlib.sha256(payload).hexdigest()
    good = [batch(visit(workspace, ids.new()) for _ in range(5)) for _ in range(8)]
    async with copies(1):
        await send(world, *good[:4])
        await world.bus.publish(CLICKS_SUBJECT, payload, letter, 5)
        await send(world, *good[4:])
        kept = await until(
            lambda: rows(world, "select payload, reason from analytics.dead_letters where id = $1", letter), bool
        )
        await until_drained(world)
    assert [row["payload"] for row in kept] == [payload]
    assert kept[0]["reason"]
    assert await counted(world, workspace) == everywhere(clicks=40, bots=0, views=0)


async def test_nothing_of_a_bad_batch_is_counted(world: World, copies: Copies) -> None:
    workspace = ids.new()
    good = visit(workspace, ids.new(), at=NOON - timedelta(days=1))
    bad = msgspec.structs.replace(good, took_us=1 << 40)
    async with copies(1):
        await send(world, batch([*(good for _ in range(200)), bad]))
        await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks=0, bots=0, views=0)
