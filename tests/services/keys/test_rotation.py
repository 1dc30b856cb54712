"""A key gets a new secret, and the one before goes on for as long as was agreed."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from shared import credentials, ids
from shared.contracts.accounts import Tier
from shared.contracts.keys import (
    CheckKey,
    GetKey,
    KeyRevoked,
    KeyRotated,
    ListKeys,
    NewKey,
    Overlap,
    RevokeKey,
    RotateKey,
    Style,
    Verdict,
    Window,
)
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.client import until
from tests.services.keys.told import told
from tests.world import World


async def verdict(world: World, secret: str) -> Verdict | None:
    return (await world.bus.ask(CheckKey(digest=credentials.digest(secret)))).verdict


async def rotate(world: World, new: NewKey, overlap: Overlap = Overlap.DAY) -> NewKey:
    return await world.bus.ask(RotateKey(workspace=new.key.workspace, id=new.key.id, overlap=overlap))


async def hours_pass_for(world: World, new: NewKey, hours: int) -> None:
    owner = await world.connect()
    await owner.execute(
        "update keys.keys set former_ends_at = former_ends_at - make_interval(hours => $2) where id = $1",
        new.key.id,
        hours,
    )
    await owner.close()


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("mode", Mode)
async def test_a_rotated_key_is_the_same_key_with_another_secret(world: World, style: Style, mode: Mode) -> None:
    account = await world.account()
    first = await world.key(
        account,
        style=style,
        mode=mode,
        name="Blog",
        scopes=("links:read",),
        limit=7,
        window=Window.DAY,
        expires_in_seconds=86_400.0 * 30,
        allowlist=("192.0.2.0/24",),
    )
    second = await rotate(world, first)
    assert second.secret != first.secret
    assert credentials.parse(second.secret) is style
    assert (second.key.prefix, second.key.last_four) == (credentials.prefix(second.secret), second.secret[-4:])
    kept = msgspec.structs.replace(
        second.key, prefix=first.key.prefix, last_four=first.key.last_four, rotated_at=None, former_ends_at=None
    )
    assert kept == first.key
    assert await world.bus.ask(GetKey(workspace=account.workspace.id, id=first.key.id)) == second.key
    assert (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys == (second.key,)
    before, after = await verdict(world, first.secret), await verdict(world, second.secret)
    assert before
    assert after
    assert after.expires_at == first.key.expires_at
    assert before.expires_at == second.key.former_ends_at
    assert msgspec.structs.replace(before, expires_at=after.expires_at) == after


@pytest.mark.parametrize(("overlap", "hours"), [(Overlap.NONE, 0), (Overlap.HOUR, 1), (Overlap.DAY, 24), ("7d", 168)])
async def test_the_secret_before_lives_on_for_the_overlap(world: World, overlap: Overlap, hours: int) -> None:
    first = await world.key(await world.account())
    second = await rotate(world, first, Overlap(overlap))
    assert second.key.rotated_at
    assert second.key.former_ends_at == second.key.rotated_at + timedelta(hours=hours)
    if hours:
        await hours_pass_for(world, first, hours - 1)
        assert await verdict(world, first.secret)
        await hours_pass_for(world, first, 1)
    assert await verdict(world, first.secret) is None
    assert await verdict(world, second.secret)


async def test_a_day_is_the_overlap_that_nobody_has_to_ask_for(world: World) -> None:
    first = await world.key(await world.account())
    key = (await world.bus.ask(RotateKey(id=first.key.id))).key
    assert key.rotated_at
    assert key.former_ends_at == key.rotated_at + timedelta(days=1)


async def test_a_time_scale_shortens_the_overlap(world: World) -> None:
    first = await world.key(await world.account())
    hurried = world.service("keys", copy=2, time_scale=3600)
    await hurried.start_serving()
    overlaps = set()

    async def seen() -> set[timedelta]:
        key = (await rotate(world, first)).key
        assert key.rotated_at
        assert key.former_ends_at
        overlaps.add(key.former_ends_at - key.rotated_at)
        return overlaps

    # Either copy may answer, and once both are up both do.
    await until(seen, lambda found: len(found) == 2, seconds=20)
    await hurried.stop()
    assert overlaps == {timedelta(hours=24), timedelta(seconds=24)}


async def test_a_key_that_expires_within_the_overlap_takes_both_secrets_along(world: World) -> None:
    first = await world.key(await world.account(), expires_in_seconds=3600.0)
    second = await rotate(world, first, Overlap.DAY)
    checked = await verdict(world, first.secret)
    assert checked
    assert checked.expires_at == first.key.expires_at
    owner = await world.connect()
    await owner.execute("update keys.keys set expires_at = now() where id = $1", first.key.id)
    await owner.close()
    assert [await verdict(world, each.secret) for each in (first, second)] == [None, None]


async def test_a_second_rotation_ends_the_oldest_secret(world: World) -> None:
    first = await world.key(await world.account())
    second = await rotate(world, first, Overlap.WEEK)
    third = await rotate(world, first, Overlap.HOUR)
    assert await verdict(world, first.secret) is None
    before = await verdict(world, second.secret)
    assert before
    assert before.expires_at == third.key.former_ends_at
    assert await verdict(world, third.secret)


async def test_revoking_a_key_ends_both_of_its_secrets(world: World) -> None:
    account = await world.account()
    first = await world.key(account)
    second = await rotate(world, first)
    revoked = await world.bus.ask(RevokeKey(workspace=account.workspace.id, id=first.key.id))
    assert [await verdict(world, each.secret) for each in (first, second)] == [None, None]
    events = [event for event in await told(world, KeyRevoked) if event.key.id == first.key.id]
    assert events == [
        KeyRevoked(
            key=revoked,
            digest=credentials.digest(second.secret),
            former_digest=credentials.digest(first.secret),
        )
    ]


async def test_a_rotation_takes_no_place_among_the_keys_of_a_tier(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    first, other = await world.key(account), await world.key(account)
    for _ in range(3):
        await rotate(world, first)
    assert await verdict(world, other.secret)
    with pytest.raises(Fault) as refusal:
        await world.key(account)
    assert refusal.value.code is Code.FORBIDDEN
    await world.bus.ask(RevokeKey(id=first.key.id))
    assert (await world.key(account)).secret


async def test_a_revoked_or_expired_key_is_not_rotated(world: World) -> None:
    account = await world.account()
    revoked, expired = await world.key(account), await world.key(account, expires_in_seconds=0.001)
    await world.bus.ask(RevokeKey(id=revoked.key.id))
    for new in (revoked, expired):
        with pytest.raises(Fault) as refusal:
            await rotate(world, new)
        assert (refusal.value.code, refusal.value.details[0]["field"]) == (Code.IMPOSSIBLE, "id")


async def test_a_foreign_key_cannot_be_told_from_an_absent_one(world: World) -> None:
    stranger, new = await world.account(), await world.key(await world.account())
    for key_id in (new.key.id, ids.new(), "not-an-id", "nul\x00"):
        with pytest.raises(Fault) as refusal:
            await world.bus.ask(RotateKey(workspace=stranger.workspace.id, id=key_id))
        assert (refusal.value.code, refusal.value.message) == (Code.NOT_FOUND, "There is no such key")
    assert (await world.bus.ask(GetKey(workspace=new.key.workspace, id=new.key.id))) == new.key


async def test_a_rotation_is_told_with_every_secret_that_it_touches_and_none_of_them_in_the_clear(world: World) -> None:
    first = await world.key(await world.account())
    second = await rotate(world, first)
    third = await rotate(world, first)
    events = [event for event in await told(world, KeyRotated) if event.key.id == first.key.id]
    digests = {name: credentials.digest(new.secret) for name, new in (("1", first), ("2", second), ("3", third))}
    assert events == [
        KeyRotated(key=second.key, digests=(digests["2"], digests["1"])),
        KeyRotated(key=third.key, digests=(digests["3"], digests["2"], digests["1"])),
    ]


async def test_of_rotations_at_once_the_last_two_secrets_are_good(world: World) -> None:
    first = await world.key(await world.account())
    made = await asyncio.gather(*(rotate(world, first) for _ in range(8)))
    last = await world.bus.ask(GetKey(workspace=first.key.workspace, id=first.key.id))
    good = [new for new in made if await verdict(world, new.secret)]
    assert len(good) == 2
    assert last in [new.key for new in good]
    assert await verdict(world, first.secret) is None
