import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared import credentials, ids
from shared.contracts.accounts import Account, SetTier, Tier
from shared.contracts.keys import (
    SCOPES,
    Check,
    CheckKey,
    GetKey,
    KeyCreated,
    KeyRevoked,
    ListKeys,
    NewKey,
    PlanChanged,
    RecordUses,
    RevokeKey,
    Style,
    Use,
    Verdict,
    Window,
)
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.services.keys.told import told, until
from tests.world import World


async def verdict(world: World, new: NewKey) -> Verdict | None:
    return (await world.bus.ask(CheckKey(digest=credentials.digest(new.secret)))).verdict


async def use(world: World, *uses: Use) -> None:
    await world.bus.ask(RecordUses(reporter=ids.new(), number=1, uses=uses))


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("mode", Mode)
async def test_a_new_key_is_shown_once_and_known_at_once(world: World, style: Style, mode: Mode) -> None:
    account = await world.account(tier=Tier.PRO)
    new = await world.key(account, style=style, mode=mode, name="Blog", description="Two\nlines")
    assert credentials.parse(new.secret) is style
    assert new.secret.startswith(new.key.prefix)
    assert new.secret.endswith(new.key.last_four)
    assert await world.bus.ask(GetKey(workspace=account.workspace.id, id=new.key.id)) == new.key
    assert await verdict(world, new) == Verdict(
        key=new.key.id,
        workspace=account.workspace.id,
        user=account.user.id,
        mode=mode,
        scopes=frozenset(SCOPES),
        workspace_limit=5_000,
        key_limit=5_000,
        key_window=Window.HOUR,
        tier=Tier.PRO,
    )


async def test_a_key_keeps_the_scopes_and_the_limit_it_was_made_with(world: World) -> None:
    new = await world.key(await world.account(), scopes=("links:write", "profile:read"), limit=7, window=Window.MINUTE)
    assert new.key.scopes == ("profile:read", "links:write")
    checked = await verdict(world, new)
    assert checked
    assert (checked.key_limit, checked.key_window) == (7, Window.MINUTE)
    assert checked.workspace_limit == 10_000
    assert checked.scopes == {"profile:read", "links:write"}


async def test_a_key_without_a_limit_of_its_own_has_the_tiers_and_its_hour(world: World) -> None:
    new = await world.key(await world.account(tier=Tier.FREE), window=Window.MINUTE)
    checked = await verdict(world, new)
    assert checked
    assert (checked.key_limit, checked.key_window) == (1_000, Window.HOUR)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "a" * 101),
        ("name", "two\nlines"),
        ("name", "bell\x07"),
        ("name", "nul\x00"),
        ("description", "a" * 501),
        ("description", "escape\x1b"),
        ("scopes", ()),
        ("scopes", ("links:read", "links:read")),
        ("scopes", ("links:admin",)),
        ("limit", 0),
        ("limit", -1),
        ("limit", 1_000_001),
        ("expires_in_seconds", 0.0),
        ("expires_in_seconds", -5.0),
        ("expires_in_seconds", 1e12),
    ],
)
async def test_an_impossible_wish_is_refused_with_its_field(world: World, field: str, value: object) -> None:
    account = await world.account()
    with pytest.raises(Fault) as refusal:
        await world.key(account, **{field: value})
    assert refusal.value.code is Code.INVALID
    assert refusal.value.details[0]["field"] == field
    assert not (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys


async def test_only_the_owner_of_a_workspace_makes_keys_for_it(world: World) -> None:
    owner, stranger = await world.account(), await world.account()
    mixed = Account(user=stranger.user, workspace=owner.workspace)
    with pytest.raises(Fault) as foreign:
        await world.key(mixed)
    with pytest.raises(Fault) as absent:
        await world.key(Account(user=owner.user, workspace=msgspec.structs.replace(owner.workspace, id=ids.new())))
    assert foreign.value.code is absent.value.code is Code.NOT_FOUND
    assert foreign.value.message == absent.value.message


async def test_a_foreign_key_cannot_be_told_from_an_absent_one(world: World) -> None:
    owner, stranger = await world.account(), await world.account()
    new = await world.key(owner)
    refusals = []
    for key_id in (new.key.id, ids.new(), "not-an-id", "nul\x00"):
        for ask in (
            GetKey(workspace=stranger.workspace.id, id=key_id),
            RevokeKey(workspace=stranger.workspace.id, id=key_id),
        ):
            with pytest.raises(Fault) as refusal:
                await world.bus.ask(ask)
            refusals.append((refusal.value.code, refusal.value.message))
    assert set(refusals) == {(Code.NOT_FOUND, "There is no such key")}
    assert await verdict(world, new)


async def test_keys_are_listed_newest_first_with_the_revoked_ones(world: World) -> None:
    account = await world.account()
    made = [await world.key(account, name=f"Key {number}") for number in range(4)]
    revoked = await world.bus.ask(RevokeKey(workspace=account.workspace.id, id=made[1].key.id))
    listed = (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys
    assert listed == (made[3].key, made[2].key, revoked, made[0].key)


async def test_an_active_key_stays_in_the_list_behind_any_number_of_revoked_ones(world: World) -> None:
    account = await world.account()
    first = await world.key(account)
    latest = await world.key(account)
    owner = await world.connect()
    await owner.execute(
        """
        insert into keys.keys (id, workspace, user_id, digest, prefix, last_four, name, description, style, mode,
                               scopes, rate_window, created_at, revoked_at)
        select 'old-' || n || id, workspace, user_id, sha256((n || id)::bytea), prefix, last_four, name, description,
               style, mode, scopes, rate_window, created_at + make_interval(secs => n), now()
        from keys.keys, generate_series(1, 300) n where id = $1
        """,
        latest.key.id,
    )
    await owner.close()
    listed = (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys
    assert len(listed) == 202
    assert listed[-2:] == (latest.key, first.key)


async def test_a_revoked_key_is_refused_at_once_and_for_good(world: World) -> None:
    account = await world.account()
    new, other = await world.key(account), await world.key(account)
    revoked = await world.bus.ask(RevokeKey(workspace=account.workspace.id, id=new.key.id))
    assert revoked.revoked_at
    assert await verdict(world, new) is None
    assert await verdict(world, other)


async def test_revoking_twice_or_at_once_is_revoking_once(world: World) -> None:
    account = await world.account()
    new = await world.key(account)
    ask = RevokeKey(workspace=account.workspace.id, id=new.key.id)
    answers = await asyncio.gather(*(world.bus.ask(ask) for _ in range(8)))
    again = await world.bus.ask(ask)
    assert set(answers) == {again}
    events = [event for event in await told(world, KeyRevoked) if event.key.id == new.key.id]
    assert events == [KeyRevoked(key=again, digest=credentials.digest(new.secret))]


async def test_the_operator_revokes_a_key_of_any_workspace(world: World) -> None:
    new = await world.key(await world.account())
    assert (await world.bus.ask(RevokeKey(id=new.key.id))).revoked_at
    assert await verdict(world, new) is None


async def test_an_expired_key_is_refused_from_its_moment_on(world: World) -> None:
    account = await world.account()
    long = await world.key(account, expires_in_seconds=3600.0)
    short = await world.key(account, expires_in_seconds=0.001)
    assert long.key.expires_at == long.key.created_at + timedelta(hours=1)
    assert await verdict(world, short) is None
    checked = await verdict(world, long)
    assert checked
    assert checked.expires_at == long.key.expires_at


async def test_unknown_revoked_and_expired_keys_get_one_and_the_same_answer(world: World) -> None:
    account = await world.account()
    revoked, expired = await world.key(account), await world.key(account, expires_in_seconds=0.001)
    await world.bus.ask(RevokeKey(id=revoked.key.id))
    unknown = credentials.mint(Style.EZX, Mode.LIVE)
    for secret in (unknown, revoked.secret, expired.secret):
        assert await world.bus.ask(CheckKey(digest=credentials.digest(secret))) == Check()
    for digest in (b"", b"short", credentials.digest(unknown) * 2):
        assert await world.bus.ask(CheckKey(digest=digest)) == Check()


async def test_a_new_key_is_told_with_its_digest_and_without_its_secret(world: World) -> None:
    new = await world.key(await world.account())
    events = [event for event in await told(world, KeyCreated) if event.key.id == new.key.id]
    assert events == [KeyCreated(key=new.key, digest=credentials.digest(new.secret))]


async def test_the_last_use_never_goes_back(world: World) -> None:
    account = await world.account()
    new, idle = await world.key(account), await world.key(account)
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    await use(world, Use(key=new.key.id, at=noon))
    await use(world, Use(key=new.key.id, at=noon - hour))
    assert (await world.bus.ask(GetKey(workspace=account.workspace.id, id=new.key.id))).last_used_at == noon
    await use(world, Use(key=new.key.id, at=noon + hour), Use(key=new.key.id, at=noon), Use(key=ids.new(), at=noon))
    assert (await world.bus.ask(GetKey(workspace=account.workspace.id, id=new.key.id))).last_used_at == noon + hour
    assert (await world.bus.ask(GetKey(workspace=account.workspace.id, id=idle.key.id))).last_used_at is None


async def test_uses_told_at_once_in_any_order_do_not_get_in_each_others_way(world: World) -> None:
    account = await world.account()
    keys = [(await world.key(account)).key.id for _ in range(10)]
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    rounds = [
        [Use(key=key, at=noon + timedelta(seconds=number)) for key in (keys if number % 2 else reversed(keys))]
        for number in range(40)
    ]
    await asyncio.gather(*(use(world, *uses) for uses in rounds))
    listed = (await world.bus.ask(ListKeys(workspace=account.workspace.id))).keys
    assert {key.last_used_at for key in listed} == {noon + timedelta(seconds=39)}


async def test_a_change_of_tier_reaches_the_verdicts_and_is_told(world: World) -> None:
    account = await world.account(tier=Tier.FREE)
    new = await world.key(account)
    await world.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.PRO))

    async def raised() -> bool:
        checked = await verdict(world, new)
        assert checked
        return (checked.workspace_limit, checked.key_limit) == (5_000, 5_000)

    await until(raised)
    assert [each for each in await told(world, PlanChanged) if each.workspace == account.workspace.id] == [
        PlanChanged(workspace=account.workspace.id)
    ]
