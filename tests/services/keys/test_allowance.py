import asyncio

import msgspec
import pytest

from services.keys.plans import PLANS
from shared import credentials
from shared.contracts.accounts import Account, SetTier, Tier, WorkspaceChanged
from shared.contracts.ask import subject_of
from shared.contracts.keys import CheckKey, ListKeys, NewKey, RevokeKey
from shared.faults import Code, Fault
from shared.ids import new as new_id
from tests.client import until
from tests.world import World


async def refusal_of_one_more(world: World, account: Account) -> Fault:
    with pytest.raises(Fault) as refusal:
        await world.key(account)
    assert refusal.value.code is Code.FORBIDDEN
    return refusal.value


async def an_hour_passes_for(world: World, new: NewKey) -> None:
    owner = await world.connect()
    await owner.execute("update keys.keys set expires_at = expires_at - interval '1 hour' where id = $1", new.key.id)
    await owner.close()


@pytest.mark.parametrize("tier", Tier)
async def test_a_tier_allows_its_number_of_keys_and_says_so(world: World, tier: Tier) -> None:
    account = await world.account(tier=tier)
    for _ in range(PLANS[tier].active_keys):
        await world.key(account)
    refusal = await refusal_of_one_more(world, account)
    assert tier.value in refusal.message
    assert str(PLANS[tier].active_keys) in refusal.message


async def test_of_twenty_keys_made_at_once_exactly_the_allowed_two_are_made(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    second = world.service("keys", copy=2)
    await second.start_serving()
    answers = await asyncio.gather(*(world.key(account) for _ in range(20)), return_exceptions=True)
    await second.stop()
    made = [answer for answer in answers if isinstance(answer, NewKey)]
    refused = [answer.code for answer in answers if isinstance(answer, Fault)]
    assert len(made) == 2
    assert refused == [Code.FORBIDDEN] * 18
    listed = (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys
    assert {key.id for key in listed} == {new.key.id for new in made}


async def test_revoked_and_expired_keys_make_room(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    first = await world.key(account)
    brief = await world.key(account, expires_in_seconds=3600.0)
    await refusal_of_one_more(world, account)
    await world.bus.ask(RevokeKey(workspace=account.workspace.id, id=first.key.id))
    await world.key(account)
    await refusal_of_one_more(world, account)
    await an_hour_passes_for(world, brief)
    await world.key(account)
    await refusal_of_one_more(world, account)


async def test_one_workspace_at_its_allowance_leaves_others_alone(world: World) -> None:
    full, other = await world.account(tier=Tier.FREE), await world.account(tier=Tier.FREE)
    await world.key(full)
    await world.key(full)
    await refusal_of_one_more(world, full)
    assert (await world.key(other)).secret


async def test_a_higher_tier_counts_from_the_next_key_on(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    await world.key(account)
    await world.key(account)
    await world.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.PRO))
    assert (await world.key(account)).secret


async def test_a_lower_tier_refuses_new_keys_and_leaves_the_old_ones_working(world: World) -> None:
    account = await world.account(tier=Tier.PRO)
    made = [await world.key(account) for _ in range(4)]
    await world.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.FREE))
    assert "free" in (await refusal_of_one_more(world, account)).message
    for new in made:
        assert (await world.bus.ask(CheckKey(digest=credentials.digest(new.secret)))).verdict


async def test_late_news_of_a_tier_does_not_undo_newer_news(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    await world.key(account)
    latest = await world.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.CREATOR))
    stale = msgspec.structs.replace(latest, tier=Tier.PRO, version=latest.version - 1)
    await world.bus.publish(
        subject_of(WorkspaceChanged), msgspec.msgpack.encode(WorkspaceChanged(workspace=stale)), new_id(), 5
    )
    # News of another workspace, told after it, shows that the stale news has been taken in.
    other = await world.account(tier=Tier.FREE)
    await world.key(other)
    await world.bus.ask(SetTier(workspace=other.workspace.id, tier=Tier.LIFETIME))

    async def tiers() -> dict[str, str]:
        owner = await world.connect()
        rows = await owner.fetch("select workspace, tier from keys.plans")
        await owner.close()
        return {row["workspace"]: row["tier"] for row in rows}

    seen, _ = await until(tiers, lambda seen: seen[other.workspace.id] == "lifetime")
    assert seen[account.workspace.id] == "creator"
