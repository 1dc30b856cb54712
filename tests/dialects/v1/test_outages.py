"""What a client of the API is told when a part of the house is away, and that nothing is half done."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest

from tests.client import Client, until, within
from tests.world import Gateway, World


@pytest.fixture
async def usual(world: World) -> AsyncIterator[Gateway]:
    """A gateway that waits no longer than they all do."""
    started = await world.start_gateway("gateway-usual")
    yield started
    await started.process.stop()


async def test_a_hung_service_is_an_internal_error_at_the_deadline_and_its_late_requests_are_not_executed(
    world: World, client: Client, usual: Gateway
) -> None:
    client = client.at(usual.url)
    assert (await client.get("/v1/links")).json["total"] == 0
    world.services["links"].signal(signal.SIGSTOP)
    try:

        async def attempt(_: int) -> float:
            began = time.monotonic()
            body = {"title": "Too late", "url": "https://example.com"}
            answers = await asyncio.gather(*(client.post("/v1/links", body) for _ in range(20)))
            took = time.monotonic() - began
            assert {(answer.status, answer.code) for answer in answers} == {(504, "INTERNAL_ERROR")}
            assert all(answer.headers["X-RateLimit-Remaining"] for answer in answers)
            assert took >= 1.7
            return took

        await within(4, attempt)  # the deadline is 2 s
        # The others are not held up.
        assert (await client.get("/v1/templates")).status == 200
    finally:
        world.services["links"].signal(signal.SIGCONT)
    total, _ = await until(lambda: client.get("/v1/links"), lambda answer: answer.status == 200)
    assert total.json["total"] == 0


async def test_a_service_that_is_away_is_an_internal_error_at_once(world: World, client: Client) -> None:
    assert (await client.get("/v1/profile")).status == 200
    await world.services["profile"].stop()
    try:
        took = []
        for _ in range(20):
            began = time.monotonic()
            answer = await client.get("/v1/profile")
            took.append(time.monotonic() - began)
            assert (answer.status, answer.code) == (503, "INTERNAL_ERROR")
            assert "Traceback" not in answer.body.decode()
        assert min(took) <= 0.05
        assert (await client.get("/v1/links")).status == 200
    finally:
        await world.services["profile"].start()
    await until(lambda: client.get("/v1/profile"), lambda answer: answer.status == 200)


async def test_known_keys_are_honoured_for_a_while_when_the_keys_service_is_away(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-keys", key_fresh_seconds=0.2, key_stale_seconds=2)
    here = client.at(gateway.url)
    # What is known of the key is as old as this, however long the service takes to stop.
    began = time.monotonic()
    assert (await here.get("/v1/links")).status == 200
    await world.services["keys"].stop()
    try:
        answer, _ = await until(lambda: here.get("/v1/links"), lambda answer: answer.status != 200)
        assert (answer.status, answer.code) == (503, "INTERNAL_ERROR")
        assert time.monotonic() - began >= 1.5
    finally:
        await world.services["keys"].start()
    await until(lambda: here.get("/v1/links"), lambda answer: answer.status == 200)
    await gateway.process.stop()


async def test_without_valkey_everything_goes_on_with_local_limits(world: World, client: Client) -> None:
    valkey = world.servers.processes["valkey"]
    gateway = await world.start_gateway("gateway-alone", limit_breaker_seconds=0.2)
    here = client.at(gateway.url)
    assert (await here.get("/v1/links")).status == 200
    valkey.send_signal(signal.SIGSTOP)
    try:
        answers = [await here.get("/v1/links") for _ in range(30)]
        assert {answer.status for answer in answers} == {200}
        assert all(answer.headers["X-RateLimit-Remaining"] for answer in answers)
        assert (await here.get("/readyz")).status == 200
    finally:
        valkey.send_signal(signal.SIGCONT)
    await gateway.process.stop()
