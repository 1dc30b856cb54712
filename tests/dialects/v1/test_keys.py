"""Keys at the gateway: what is refused, how fast, and with how few questions."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from shared import credentials
from shared.contracts.keys import RevokeKey, Style
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, NewClient, until, within
from tests.world import PATIENT, Gateway, World


@pytest.fixture
async def other_gateway(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway(
        "gateway-other", limit_address_per_minute=0, limit_address_keyed_per_minute=0, **PATIENT
    )
    yield started
    await started.process.stop()


async def test_both_headers_open_the_door_and_must_agree(client: Client) -> None:
    bare = client.with_key(None)
    key = client.key or ""
    assert (await bare.get("/v1/links", headers={"X-API-Key": key})).status == 200
    assert (await bare.get("/v1/links", headers={"Authorization": f"bearer {key}"})).status == 200
    assert (await client.get("/v1/links", headers={"X-API-Key": key})).status == 200
    refused = await client.get("/v1/links", headers={"X-API-Key": credentials.mint(Style.EZX, Mode.LIVE)})
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")


async def test_who_shows_no_valid_key_is_told_how_to_show_one(client: Client, new_client: NewClient) -> None:
    poor = await new_client(scopes=("links:read",))
    for path in ("/v1/links", "/api/use/links"):
        for refused in (await client.with_key(None).get(path), await client.with_key("ezx_wrong").get(path)):
            assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        for other in (await client.get(path), await poor.post(path, {})):
            assert "WWW-Authenticate" not in other.headers


async def test_a_key_of_either_style_works(new_client: NewClient) -> None:
    for style, start in ((Style.EZX, "ezx_"), (Style.LZLY, "lzly_live_")):
        client = await new_client(style=style)
        assert (client.key or "").startswith(start)
        assert (await client.get("/v1/links")).status == 200


async def test_a_malformed_key_is_refused_with_no_look_up(world: World, client: Client) -> None:
    good = client.key or ""
    wrong = [
        "",
        "x",
        "ezx_",
        "ezx_" + "0" * 64,
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.upper(),
        good + "0",
        "lzly_live_" + "0" * 32,
        "é" * 68,
    ]
    before = await world.asked("keys.check_key")
    for key in wrong:
        answer = await client.with_key(None).get("/v1/links", headers={"X-API-Key": key})
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED"), key
    assert await world.asked("keys.check_key") == before


async def test_expired_revoked_unknown_and_malformed_keys_get_one_and_the_same_answer(
    world: World, client: Client, new_client: NewClient
) -> None:
    revoked = await world.key(client.account)
    await world.bus.ask(RevokeKey(id=revoked.key.id))
    expiring = await new_client(client.account, expires_in_seconds=0.2)
    await until(lambda: expiring.get("/v1/links"), lambda answer: answer.status == 401)
    secrets = [revoked.secret, expiring.key, credentials.mint(Style.EZX, Mode.LIVE), "ezx_nonsense"]
    answers = [await client.with_key(secret).get("/v1/links") for secret in secrets]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1


async def test_a_revoked_key_stops_working_within_a_second_at_every_gateway(
    world: World, client: Client, other_gateway: Gateway
) -> None:
    gateways = [client, client.at(other_gateway.url)]

    async def attempt(_: int) -> float:
        created = await world.key(client.account)
        mine = [each.with_key(created.secret) for each in gateways]
        for each in mine:
            assert (await each.get("/v1/links")).status == 200
        await world.bus.ask(RevokeKey(id=created.key.id))
        return max([await refused_after(each) for each in mine])

    await within(1.0, attempt)


async def test_a_revocation_whose_message_is_lost_works_within_five_seconds(
    world: World, client: Client, new_client: NewClient
) -> None:
    async def attempt(_: int) -> float:
        lost = await new_client(client.account)
        assert (await lost.get("/v1/links")).status == 200
        owner = await world.connect()
        # Revoked behind the service's back: nobody tells the gateways.
        query = "update keys.keys set revoked_at = now() where digest = $1"
        await owner.execute(query, credentials.digest(lost.key or ""))
        await owner.close()
        return await refused_after(lost)

    await within(5.0, attempt)


async def refused_after(client: Client) -> float:
    """Seconds until its key is refused."""
    return (await until(lambda: client.get("/v1/links"), lambda answer: answer.status == 401))[1]


async def test_a_key_without_the_permission_is_forbidden_and_told_which_it_lacks(new_client: NewClient) -> None:
    reader = await new_client(scopes=("links:read",))
    assert (await reader.get("/v1/links")).status == 200
    for method, path, scope in (
        ("GET", "/v1/profile", "profile:read"),
        ("PATCH", "/v1/profile", "profile:write"),
        ("PUT", "/v1/following/somebody", "profile:write"),
        ("DELETE", "/v1/following/somebody", "profile:write"),
        ("POST", "/v1/links", "links:write"),
        ("PATCH", f"/v1/links/lnk_{new_id()}", "links:write"),
        ("DELETE", f"/v1/links/lnk_{new_id()}", "links:delete"),
        ("GET", "/v1/templates", "templates:read"),
        ("POST", "/v1/templates/x/apply", "templates:apply"),
        ("GET", "/v1/analytics", "analytics:read"),
    ):
        answer = await reader.send(method, path, {})
        assert (answer.status, answer.code) == (403, "FORBIDDEN"), path
        assert scope in answer.json["error"]["message"]


async def test_many_requests_with_one_key_share_its_check(world: World, client: Client) -> None:
    before = await world.asked("keys.check_key")
    answers = await asyncio.gather(*(client.get("/v1/links") for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert await world.asked("keys.check_key") <= before + 2


async def test_the_last_use_of_a_key_is_known(world: World, session: aiohttp.ClientSession) -> None:
    gateway = await world.start_gateway("gateway-uses", key_use_flush_seconds=0.2)
    account = await world.account()
    created = await world.key(account)
    client = Client(session, gateway.url, created.secret, account)
    assert (await client.get("/v1/links")).status == 200
    owner = await world.connect()
    seen, _ = await until(
        lambda: owner.fetchval("select last_used_at from keys.keys where id = $1", created.key.id),
        lambda value: value is not None,
    )
    await owner.close()
    assert seen >= created.key.created_at
    await gateway.process.stop()


async def test_a_test_key_sees_and_changes_test_data_only(new_client: NewClient, client: Client) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    live, test = await client.new_link(title="live"), await tester.new_link(title="test")
    assert [link["id"] for link in (await client.get("/v1/links")).json["links"]] == [live["id"]]
    assert [link["id"] for link in (await tester.get("/v1/links")).json["links"]] == [test["id"]]
    assert (await tester.patch("/v1/profile", {"name": "Only a test"})).status == 200
    assert (await client.get("/v1/profile")).json["name"] != "Only a test"
