import asyncio
import random

import pytest

from shared.contracts.accounts import Account
from shared.contracts.modes import Mode
from shared.contracts.profile import Follow, GetProfile, Profile, Stats, Unfollow
from shared.faults import Code, Fault
from tests.world import World


async def stats(world: World, account: Account, mode: Mode = Mode.LIVE) -> Stats:
    return (await world.bus.ask(GetProfile(workspace=account.workspace.id, mode=mode))).stats


async def follow(world: World, one: Account, other: Account, mode: Mode = Mode.LIVE) -> Profile:
    return await world.bus.ask(Follow(workspace=one.workspace.id, mode=mode, username=other.user.username))


async def unfollow(world: World, one: Account, other: Account, mode: Mode = Mode.LIVE) -> Profile:
    return await world.bus.ask(Unfollow(workspace=one.workspace.id, mode=mode, username=other.user.username))


async def test_following_counts_on_both_sides_and_answers_the_followers_own_profile(world: World) -> None:
    fan, star = await world.account(), await world.account()
    profile = await follow(world, fan, star)
    assert profile.workspace == fan.workspace.id
    assert profile.stats == Stats(following=1)
    assert await stats(world, star) == Stats(followers=1)
    assert (await unfollow(world, fan, star)).stats == Stats()
    assert await stats(world, star) == Stats()


async def test_following_twice_is_following_once(world: World) -> None:
    fan, star = await world.account(), await world.account()
    for _ in range(3):
        assert (await follow(world, fan, star)).stats == Stats(following=1)
    assert await stats(world, star) == Stats(followers=1)


async def test_unfollowing_somebody_who_is_not_followed_changes_nothing(world: World) -> None:
    fan, star = await world.account(), await world.account()
    for _ in range(2):
        assert (await unfollow(world, fan, star)).stats == Stats()
    assert (await unfollow(world, fan, fan)).stats == Stats()
    assert await stats(world, star) == Stats()


async def test_nobody_follows_themselves(world: World) -> None:
    account = await world.account()
    with pytest.raises(Fault) as refusal:
        await follow(world, account, account)
    assert refusal.value.code is Code.IMPOSSIBLE
    assert refusal.value.details[0]["field"] == "username"
    assert await stats(world, account) == Stats()


@pytest.mark.parametrize("question", [Follow, Unfollow])
async def test_a_user_who_does_not_exist_is_not_found(world: World, question: type[Follow | Unfollow]) -> None:
    account = await world.account()
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(question(workspace=account.workspace.id, mode=Mode.LIVE, username="no-such-user"))
    assert refusal.value.code is Code.NOT_FOUND
    assert refusal.value.details[0]["field"] == "username"


async def test_test_follows_touch_test_numbers_only(world: World) -> None:
    fan, star = await world.account(), await world.account()
    await follow(world, fan, star, Mode.TEST)
    assert await stats(world, fan, Mode.TEST) == Stats(following=1)
    assert await stats(world, star, Mode.TEST) == Stats(followers=1)
    assert await stats(world, fan) == await stats(world, star) == Stats()
    await follow(world, fan, star)
    await unfollow(world, fan, star, Mode.TEST)
    assert await stats(world, star) == Stats(followers=1)
    assert await stats(world, star, Mode.TEST) == Stats()


async def test_fifty_who_follow_one_profile_at_once_are_fifty_followers(world: World) -> None:
    star = await world.account()
    fans = [await world.account() for _ in range(10)]
    # The first rounds make all profiles, so that nothing but the counters is in each other's way.
    for fan in fans:
        await follow(world, fan, star)
        await unfollow(world, fan, star)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choice = random.Random(seed)
    wishes = [(choice.choice(fans), choice.choice((follow, unfollow))) for _ in range(50)]
    await asyncio.gather(*(wish(world, fan, star) for fan, wish in wishes))
    following = [(await stats(world, fan)).following for fan in fans]
    assert set(following) <= {0, 1}
    assert (await stats(world, star)).followers == sum(following) == await rows_about(world, star)
    await asyncio.gather(*(follow(world, fan, star) for fan in fans for _ in range(5)))
    assert await stats(world, star) == Stats(followers=10)
    await asyncio.gather(*(unfollow(world, fan, star) for fan in fans for _ in range(5)))
    assert await stats(world, star) == Stats()


async def test_all_who_follow_each_other_at_once_are_counted_exactly(world: World) -> None:
    crowd = [await world.account() for _ in range(7)]
    pairs = [(one, other) for one in crowd for other in crowd if one is not other]
    await asyncio.gather(*(follow(world, one, other) for one, other in pairs))
    assert {await stats(world, each) for each in crowd} == {Stats(followers=6, following=6)}
    await asyncio.gather(*(unfollow(world, one, other) for one, other in pairs))
    assert {await stats(world, each) for each in crowd} == {Stats()}


async def rows_about(world: World, star: Account) -> int:
    owner = await world.connect()
    number = await owner.fetchval(
        "select count(*) from profile.follows where followed_workspace = $1", star.workspace.id
    )
    await owner.close()
    return int(number)
