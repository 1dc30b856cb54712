"""What a key learns of itself."""

import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from shared.contracts.accounts import SetTier, Tier
from shared.contracts.keys import GetKeyUsage, Overlap, RevokeKey, RotateKey, Style, Window
from shared.contracts.modes import Mode
from tests import golden
from tests.client import NewClient, until
from tests.world import PATIENT, Gateway, World

check = partial(golden.check, Path(__file__).parent / "golden")


@pytest.fixture(scope="module")
async def prompt_gateway(world: World) -> AsyncIterator[Gateway]:
    """A gateway that tells what keys were used for as soon as it can."""
    started = await world.start_gateway(
        "gateway-prompt",
        key_use_flush_seconds=0.1,
        limit_address_keyed_per_minute=0,
        limit_address_per_minute=0,
        **PATIENT,
    )
    yield started
    await started.process.stop()


async def test_a_key_is_told_all_about_itself(world: World, new_client: NewClient) -> None:
    client = await new_client(
        style=Style.LZLY,
        mode=Mode.TEST,
        name="Shop",
        description="Makes links for orders",
        scopes=("links:write", "links:read"),
        limit=50,
        window=Window.MINUTE,
        expires_in_seconds=3600.0,
        allowlist=("127.0.0.0/8", "::1"),
    )
    began = time.time()
    answer = await client.get("/api/use/key")
    key = client.key or ""
    reset = answer.json["limits"]["reset"]
    assert began < reset <= time.time() + 62
    assert str(reset) == answer.headers["X-RateLimit-Reset"]
    # Four characters of a key can be found in a time or an id, too.
    body = answer.body.replace(b"%d" % reset, b"0").replace(b'"%s"' % key[-4:].encode(), b'"<four>"')
    check("key", msgspec.structs.replace(answer, body=body), prefix=key[:14])


async def test_what_was_not_said_is_null_and_the_limit_is_the_tiers(world: World, new_client: NewClient) -> None:
    client = await new_client(tier=Tier.PRO)
    seen = (await client.get("/api/use/key")).json
    assert [seen[name] for name in ("expiresAt", "rotatedAt", "formerSecretEndsAt", "lastUsedAt")] == [None] * 4
    assert (seen["allowlist"], seen["description"], seen["mode"], seen["tier"]) == ([], "", "live", "pro")
    limits = seen["limits"]
    assert (limits["limit"], limits["window"], limits["remaining"]) == (5000, "hour", 4999)
    assert limits["workspace"] == {"limit": 5000, "window": "hour"}
    await world.bus.ask(SetTier(workspace=client.account.workspace.id, tier=Tier.CREATOR))
    await until(lambda: client.get("/api/use/key"), lambda answer: answer.json["tier"] == "creator")


async def test_what_is_left_is_what_the_tightest_limit_leaves(new_client: NewClient) -> None:
    first = await new_client(tier=Tier.FREE)
    second = await new_client(first.account, limit=5_000)
    assert (await first.get("/api/use/key")).json["limits"]["remaining"] == 999
    limits = (await second.get("/api/use/key")).json["limits"]
    assert (limits["limit"], limits["remaining"], limits["workspace"]["limit"]) == (5000, 998, 1000)


async def test_any_valid_key_may_ask_whatever_its_scopes_and_nobody_else(world: World, new_client: NewClient) -> None:
    client = await new_client(scopes=("qr:delete",))
    for path in ("/api/use/key", "/api/use/key/usage"):
        assert (await client.get(path)).status == 200
        assert (await client.with_key(None).get(path)).status == 401
        assert (await client.get(f"{path}?verbose=1")).status == 400
    await world.bus.ask(RevokeKey(id=(await client.get("/api/use/key")).json["id"].removeprefix("key_")))
    await until(lambda: client.get("/api/use/key"), lambda answer: answer.status == 401)


async def test_either_secret_of_a_rotated_key_is_told_when_the_former_one_ends(
    world: World, new_client: NewClient
) -> None:
    client = await new_client()
    key_id = (await client.get("/api/use/key")).json["id"]
    rotated = await world.bus.ask(RotateKey(id=key_id.removeprefix("key_"), overlap=Overlap.HOUR))
    for secret in (rotated.secret, client.key):
        seen = (await client.with_key(secret).get("/api/use/key")).json
        assert seen["id"] == key_id
        assert seen["lastFour"] == rotated.secret[-4:]
        assert seen["rotatedAt"] < seen["formerSecretEndsAt"]


async def test_usage_is_told_by_day_and_by_what_was_answered(new_client: NewClient, prompt_gateway: Gateway) -> None:
    client = (await new_client(scopes=("links:read",))).at(prompt_gateway.url)
    for path in ("/v1/links", "/api/use", "/v1/profile", "/v1/nowhere", "/v1/links?limit=0"):
        await client.get(path)
    path = "/api/use/key/usage"
    answer, _ = await until(lambda: client.get(path), lambda answer: answer.json["totals"]["clientErrors"] == 3)
    seen = answer.json
    assert seen["totals"]["succeeded"] >= 2
    assert (seen["totals"]["rateLimited"], seen["totals"]["serverErrors"]) == (0, 0)
    assert seen["totals"]["requests"] == seen["totals"]["succeeded"] + 3
    today = datetime.now(UTC).date()
    assert [day["date"] for day in seen["days"]] == [
        (today - timedelta(days=ago)).isoformat() for ago in range(29, -1, -1)
    ]
    assert seen["days"][-1] == {**seen["totals"], "date": today.isoformat()}
    assert abs(datetime.fromisoformat(seen["lastUsedAt"]).timestamp() - time.time()) < 60


async def test_requests_over_the_limit_are_counted_apart(
    world: World, new_client: NewClient, prompt_gateway: Gateway
) -> None:
    client = (await new_client(limit=3)).at(prompt_gateway.url)
    key_id = (await client.get("/api/use/key")).json["id"].removeprefix("key_")
    assert [(await client.get("/v1/links")).status for _ in range(4)] == [200, 200, 429, 429]
    ask = GetKeyUsage(workspace=client.account.workspace.id, id=key_id, days=1)
    await until(lambda: world.bus.ask(ask), lambda usage: (usage.days[0].succeeded, usage.days[0].limited) == (3, 2))


async def test_what_failed_here_is_counted_as_ours(world: World, new_client: NewClient) -> None:
    gateway = await world.start_gateway("gateway-failing", key_use_flush_seconds=0.1, request_timeout_seconds=0.5)
    client = await new_client()
    key_id = (await client.get("/api/use/key")).json["id"].removeprefix("key_")
    client = client.at(gateway.url)
    # A request that has no time left to learn whose key it is would be nobody's.
    await until(lambda: client.get("/v1/nowhere"), lambda answer: answer.status == 404)
    world.services["links"].signal(signal.SIGSTOP)
    try:
        assert (await client.get("/v1/links")).status == 504
    finally:
        world.services["links"].signal(signal.SIGCONT)
    ask = GetKeyUsage(workspace=client.account.workspace.id, id=key_id, days=1)
    await until(lambda: world.bus.ask(ask), lambda usage: usage.days[0].failed == 1)
    await gateway.process.stop()


async def test_what_was_counted_is_told_when_a_gateway_stops(world: World, new_client: NewClient) -> None:
    gateway = await world.start_gateway("gateway-stopping")
    client = (await new_client()).at(gateway.url)
    key_id = (await client.get("/api/use/key")).json["id"].removeprefix("key_")
    assert await gateway.process.stop() == 0
    ask = GetKeyUsage(workspace=client.account.workspace.id, id=key_id, days=1)
    assert (await world.bus.ask(ask)).days[0].succeeded == 1
