"""A secret turned up where it should not be."""

import asyncio

import pytest

from shared import credentials
from shared.contracts.keys import (
    CheckKey,
    GetKey,
    KeyRevoked,
    LeakState,
    NewKey,
    Overlap,
    ReportLeak,
    RotateKey,
    Style,
)
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.services.keys.told import told
from tests.world import World


async def report(world: World, new: NewKey) -> LeakState:
    leak = await world.bus.ask(ReportLeak(digest=credentials.digest(new.secret)))
    assert leak.key == await world.bus.ask(GetKey(workspace=new.key.workspace, id=new.key.id))
    return leak.state


async def valid(world: World, new: NewKey) -> bool:
    return (await world.bus.ask(CheckKey(digest=credentials.digest(new.secret)))).verdict is not None


async def test_a_leaked_key_is_revoked_and_the_next_report_says_that_it_was(world: World) -> None:
    account = await world.account()
    new, other = await world.key(account), await world.key(account)
    assert await report(world, new) is LeakState.REVOKED
    assert not await valid(world, new)
    assert await valid(world, other)
    assert await report(world, new) is LeakState.REVOKED_BEFORE
    events = [event for event in await told(world, KeyRevoked) if event.key.id == new.key.id]
    assert len(events) == 1


async def test_reports_at_once_revoke_once(world: World) -> None:
    new = await world.key(await world.account())
    states = await asyncio.gather(*(report(world, new) for _ in range(8)))
    assert sorted(states) == [LeakState.REVOKED] + [LeakState.REVOKED_BEFORE] * 7


async def test_an_expired_key_that_leaked_is_revoked_too(world: World) -> None:
    new = await world.key(await world.account(), expires_in_seconds=0.001)
    assert await report(world, new) is LeakState.REVOKED


async def test_either_secret_of_a_rotated_key_gives_the_key_away(world: World) -> None:
    account = await world.account()
    for leaked in (0, 1):
        first = await world.key(account)
        secrets = [first, await world.bus.ask(RotateKey(id=first.key.id))]
        assert await report(world, secrets[leaked]) is LeakState.REVOKED
        assert not await valid(world, secrets[0])
        assert not await valid(world, secrets[1])
        assert await report(world, secrets[1 - leaked]) is LeakState.REVOKED_BEFORE


async def test_a_secret_that_a_rotation_has_ended_leaves_its_key_alone(world: World) -> None:
    first = await world.key(await world.account())
    second = await world.bus.ask(RotateKey(id=first.key.id, overlap=Overlap.NONE))
    assert await report(world, first) is LeakState.ENDED
    assert await valid(world, second)


@pytest.mark.parametrize(
    "digest",
    [b"", b"short", pytest.param(credentials.digest(credentials.mint(Style.EZX, Mode.LIVE)), id="of a key never made")],
)
async def test_a_secret_that_is_nobodys_is_not_found(world: World, digest: bytes) -> None:
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(ReportLeak(digest=digest))
    assert refusal.value.code is Code.NOT_FOUND
