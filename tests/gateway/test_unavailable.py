"""What a gateway answers that cannot take a request on: because it is about to start, or has too many connections."""

import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client import until
from tests.gateway.raw import head, wire
from tests.servers import free_port
from tests.world import Gateway, Process, World

MOST = 5
LIMIT = 30


async def answer(gateway: Gateway, path: str) -> tuple[int, dict[str, str], bytes]:
    async with wire(gateway) as client:
        await client.send(head(path))
        got = await client.answer()
        assert "connection" not in got[1] or await client.ended()
        return got


def check(told: tuple[int, dict[str, str], bytes], left: int) -> None:
    """Is it a dialect's own word, with the numbers of the address?"""
    status, headers, body = told
    assert (status, headers["connection"], headers["retry-after"]) == (503, "close", "5")
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == (str(LIMIT), str(left))
    assert 0 <= int(headers["x-ratelimit-reset"]) - time.time() <= 62
    assert headers["ratelimit"].startswith(f'"address";r={left};t=')
    assert headers["x-request-id"]
    error = json.loads(body)
    if "statusCode" in error:
        assert (error["statusCode"], error["error"], error["path"]) == (503, "ServiceUnavailable", "/api/use/links")
    else:
        assert error["error"]["code"] == "INTERNAL_ERROR"


@pytest.fixture
async def narrow(world: World, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Counts by itself, so that nobody else's requests are among those that it tells of."""
    started = await world.start_gateway(
        "gateway-narrow",
        connection_limit=MOST,
        limit_address_per_minute=LIMIT,
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        journal_dir=tmp_path / "journal",
    )
    yield started
    await started.process.stop()


async def test_a_full_gateway_says_so_in_the_words_of_whoever_is_asked_and_is_alive(narrow: Gateway) -> None:
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(wire(narrow)) for _ in range(MOST)]
        for each in held:
            await each.send(head("/livez"))
            assert (await each.answer())[0] == 200
        check(await answer(narrow, "/api/use/links"), LIMIT - 1)
        check(await answer(narrow, "/v1/links"), LIMIT - 2)
        status, headers, body = await answer(narrow, "/some-code")
        assert (status, headers["retry-after"], b"<h1" in body) == (503, "5", True)
        assert "x-ratelimit-limit" not in headers
        # Whoever starts gateways again that are not alive must not add to the crowd at the others.
        assert (await answer(narrow, "/livez"))[0] == 200
        assert (await answer(narrow, "/readyz"))[0] == 503
    await until(lambda: answer(narrow, "/readyz"), lambda told: told[0] == 200)
    status, _, metrics = await answer(narrow, "/metrics")
    assert status == 200
    assert b'waypost_requests_postponed_total{reason="full"}' in metrics


async def test_a_gateway_that_is_about_to_start_says_so_in_the_words_of_whoever_is_asked(
    world: World, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = world.env(
        "gateway-early",
        nats_url=f"nats://127.0.0.1:{free_port()}",
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        listen_port=port,
        public_url=url,
        limit_address_per_minute=LIMIT,
        journal_dir=tmp_path / "journal",
    )
    process = Process("gateway-early", [sys.executable, "-m", "gateway"], env, tmp_path / "gateway.log")
    await process.start()
    gateway = Gateway(process, url)

    async def alive() -> int:
        with contextlib.suppress(OSError):
            return (await answer(gateway, "/livez"))[0]
        return 0

    try:
        await until(alive, lambda status: status == 200, seconds=30)
        check(await answer(gateway, "/api/use/links"), LIMIT - 1)
        check(await answer(gateway, "/v1/links"), LIMIT - 2)
        # What is refused before it is a request counts here as well.
        status, headers, _ = await answer(gateway, "/v1/" + "a" * 9_000)
        assert (status, headers["x-ratelimit-remaining"]) == (414, str(LIMIT - 3))
        status, headers, body = await answer(gateway, "/some-code")
        assert (status, headers["retry-after"], b"<h1" in body) == (503, "5", True)
        assert "x-ratelimit-limit" not in headers
    finally:
        await process.stop()
