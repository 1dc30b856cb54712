import asyncio

import pytest

from shared.contracts.accounts import CreateUser, FindUser, GetWorkspace, SetTier, Tier
from shared.faults import Code, Fault
from tests.world import World


async def test_a_new_user_has_a_workspace_of_their_own(world: World) -> None:
    account = await world.account(tier=Tier.PRO)
    found = await world.bus.ask(FindUser(username=account.user.username.upper()))
    assert found == account
    assert found.workspace.owner == account.user.id
    assert found.workspace.tier is Tier.PRO


async def test_of_many_who_want_one_name_at_once_exactly_one_gets_it(world: World) -> None:
    asks = [
        CreateUser(username="wanted-name", email=f"wanted{n}@example.com", password="long enough") for n in range(8)
    ]
    answers = await asyncio.gather(*map(world.bus.ask, asks), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Fault)]
    assert len(refused) == 7
    assert {(fault.code, fault.details[0]["field"]) for fault in refused} == {(Code.CONFLICT, "username")}


@pytest.mark.parametrize(
    ("username", "email", "password", "field"),
    [
        ("ab", "a@example.com", "long enough", "username"),
        ("has space", "a@example.com", "long enough", "username"),
        ("admin", "a@example.com", "long enough", "username"),
        ("fine-name", "no address", "long enough", "email"),
        ("fine-name", "a@example.com", "short", "password"),
    ],
)
async def test_an_impossible_user_is_refused_with_the_field(
    world: World, username: str, email: str, password: str, field: str
) -> None:
    with pytest.raises(Fault) as refusal:
        await world.bus.ask(CreateUser(username=username, email=email, password=password))
    assert refusal.value.code in (Code.INVALID, Code.IMPOSSIBLE)
    assert refusal.value.details[0]["field"] == field


async def test_a_change_of_tier_is_seen_at_once(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    await world.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.LIFETIME))
    found = await world.bus.ask(GetWorkspace(workspace=account.workspace.id))
    assert found.workspace.tier is Tier.LIFETIME


async def test_a_password_is_kept_as_an_argon2id_hash_only(world: World) -> None:
    account = await world.account()
    owner = await world.connect()
    kept = await owner.fetchval("select password_hash from accounts.users where id = $1", account.user.id)
    await owner.close()
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
