"""The rate limits as a client of the API meets them."""

import asyncio
import time

import aiohttp
import pytest

from shared.contracts.accounts import Tier
from shared.contracts.keys import Window
from tests.client import Client, NewClient, within
from tests.world import PATIENT, World

WINDOW_SECONDS = 3
NUMBERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.mark.parametrize(
    ("tier", "hourly"), [(Tier.FREE, 1000), (Tier.PRO, 5000), (Tier.CREATOR, 10_000), (Tier.LIFETIME, 10_000)]
)
async def test_the_headers_show_the_tiers_number(new_client: NewClient, tier: Tier, hourly: int) -> None:
    client = await new_client(tier=tier)
    began = time.time()
    first, second = await client.get("/v1/links"), await client.get("/v1/links")
    assert [int(first.headers[name]) for name in NUMBERS[:2]] == [hourly, hourly - 1]
    assert int(second.headers["X-RateLimit-Remaining"]) == hourly - 2
    assert began < int(first.headers["X-RateLimit-Reset"]) <= time.time() + 3661
    assert f"q={hourly};w=3600" in first.headers["RateLimit-Policy"]
    assert f"r={hourly - 1}" in first.headers["RateLimit"]


async def test_every_answer_carries_the_headers(world: World, new_client: NewClient, client: Client) -> None:
    gateway = await world.start_gateway("gateway-headers")
    client = client.at(gateway.url)
    nobody = client.with_key(None)
    poor = (await new_client(client.account, scopes=("links:read",))).at(gateway.url)
    for answer in (
        await client.get("/v1/links"),
        await client.get("/v1/nowhere"),
        await client.delete("/v1/profile"),
        await client.post("/v1/links", data=b"{"),
        await client.get("/v1/links?limit=0"),
        await client.get("/v1/links/lnk_0000000000000000000000"),
        await poor.get("/v1/profile"),
        await nobody.get("/v1/links"),
        await nobody.get("/v1/nowhere"),
        await client.with_key("ezx_wrong").get("/v1/links"),
    ):
        assert all(int(answer.headers[name]) >= 0 for name in NUMBERS), answer
        assert answer.headers["X-Request-Id"]
    await gateway.process.stop()


async def test_past_the_limit_comes_429_with_the_time_to_wait(new_client: NewClient) -> None:
    client = await new_client(limit=3, window=Window.MINUTE)
    began = time.time()
    answers = [await client.get("/v1/links") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    last = answers[-1]
    assert last.code == "RATE_LIMIT_EXCEEDED"
    assert last.headers["X-RateLimit-Remaining"] == "0"
    wait = int(last.headers["Retry-After"])
    assert 1 <= wait <= 61
    assert last.json["error"]["retryAfter"] == wait
    assert began + wait - 2 <= int(last.headers["X-RateLimit-Reset"]) <= time.time() + wait + 2


@pytest.mark.parametrize("window", Window)
async def test_a_keys_own_limit_holds_in_its_window_and_the_headers_say_so(
    new_client: NewClient, window: Window
) -> None:
    client = await new_client(limit=3, window=window)
    began = time.time()
    answers = [await client.get("/v1/links") for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    seconds = window.seconds
    for answer, left in zip(answers, (2, 1, 0, 0, 0), strict=True):
        assert [int(answer.headers[name]) for name in NUMBERS[:2]] == [3, left]
        assert answer.headers["RateLimit-Policy"] == f'"key";q=3;w={seconds}'
        # A window is counted in sixtieths, and one of them more belongs to each sum.
        assert began + seconds < int(answer.headers["X-RateLimit-Reset"]) <= time.time() + seconds * 61 / 60 + 1
    for refused in answers[3:]:
        wait = int(refused.headers["Retry-After"])
        assert began + wait - 2 <= int(refused.headers["X-RateLimit-Reset"]) <= time.time() + wait + 2


@pytest.mark.parametrize("window", Window)
async def test_when_nothing_remains_a_request_at_the_reset_succeeds(
    world: World, new_client: NewClient, window: Window
) -> None:
    # Each window becomes three seconds.
    gateway = await world.start_gateway(
        f"gateway-{window}", time_scale=window.seconds / 3, limit_address_keyed_per_minute=0, **PATIENT
    )

    async def at_reset_of(number: int) -> float:
        """With a key of its own: the place that is free then may be the only one."""
        client = (await new_client(limit=4, window=window)).at(gateway.url)
        began = time.monotonic()
        answers = [await client.get("/v1/templates") for _ in range(5)]
        took = time.monotonic() - began
        # Whoever needs a whole window for that meets another one.
        if took < WINDOW_SECONDS:
            assert [answer.status for answer in answers] == [200] * 4 + [429]
            await asyncio.sleep(max(int(answers[number].headers["X-RateLimit-Reset"]) - time.time(), 0))
            assert (await client.get("/v1/templates")).status == 200
        return took

    async def attempt(_: int) -> float:
        # The last one that is let in, and the first one that is not.
        return max(await asyncio.gather(at_reset_of(3), at_reset_of(4)))

    await within(WINDOW_SECONDS, attempt)
    await gateway.process.stop()


async def test_a_limit_is_exact_over_two_gateways(world: World, new_client: NewClient, client: Client) -> None:
    gateways = [
        await world.start_gateway(name, limit_address_keyed_per_minute=0, gateway_workers=2, **PATIENT)
        for name in ("gateway-a", "gateway-b")
    ]
    for _ in range(3):
        limited = await new_client(client.account, limit=100, window=Window.HOUR)
        places = [limited.at(gateway.url) for gateway in gateways]
        queue = iter(range(600))

        async def worker(number: int, places: list[Client] = places, queue: object = queue) -> list[int]:
            return [(await places[number % 2].get("/v1/templates")).status for _ in queue]  # type: ignore[attr-defined]

        statuses = [status for some in await asyncio.gather(*map(worker, range(64))) for status in some]
        assert statuses.count(200) == 100
        assert statuses.count(429) == 500
    for gateway in gateways:
        await gateway.process.stop()


async def test_what_nobody_with_a_key_asks_counts_by_address(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-anon", limit_address_per_minute=5, **PATIENT)
    # An address of the loopback network that nothing else in this run comes from.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.77.0.5", 0))) as elsewhere:
        anonymous = Client(elsewhere, gateway.url, None, None)
        statuses = [(await anonymous.get("/v1/links")).status for _ in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        # Somebody with a key at the same address is not held up by it.
        with_key = Client(elsewhere, gateway.url, client.key, client.account)
        assert (await with_key.get("/v1/links")).status == 200
    await gateway.process.stop()
