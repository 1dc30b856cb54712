"""What holds while Valkey is down, hung or slow."""

import asyncio
import logging
import time
from statistics import median

import pytest
from prometheus_client import REGISTRY

from gateway.limits import Layer, Limiter
from gateway.limits.layers import cap_of
from gateway.limits.local import LocalLimiter
from shared import ids
from tests.client import within
from tests.gateway.limits.conftest import PATIENT, Make
from tests.gateway.limits.server import Server

LOGGER = "gateway.limits.breaker"


def layer(limit: int, name: str = "key") -> Layer:
    return Layer(name=name, key=ids.new(), limit=limit, window_seconds=3600)


def late() -> float:
    """Round trips that have missed the budget."""
    return REGISTRY.get_sample_value("waypost_limiter_failures_total", {"reason": "late"}) or 0.0


def pause(seconds: float) -> None:
    """Holds the whole event loop, as a long computation does."""
    time.sleep(seconds)


async def until_exact(limiter: Limiter, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not (await limiter.decide([layer(10)])).exact:
        assert time.monotonic() < end, "Valkey is back, and the limiter does not use it"
        await asyncio.sleep(0.05)


async def test_a_hung_valkey_costs_the_budget_a_few_times_and_then_nothing(own_server: Server, make: Make) -> None:
    async def attempt(_: int) -> float:
        """How many times longer than expected it takes."""
        limiter = make(own_server, limit_breaker_seconds=30.0)
        await until_exact(limiter)
        own_server.hang()
        before = late()
        took = []
        for _ in range(50):
            began = time.perf_counter()
            decision = await limiter.decide([layer(10)])
            took.append(time.perf_counter() - began)
            assert not decision.exact
            assert decision.allowed
        own_server.go_on()
        # The first failure takes all patience, 250 ms; then the budget is 20 ms, and the breaker opens at the fifth.
        # What a busy machine adds is left out; and it may have failed once before, without Valkey.
        assert took[0] > 0.2
        assert min(took[1:5]) > 0.015
        return max((late() - before) / 5, took[0] / 0.6, min(took[1:5]) / 0.05, median(took[5:]) / 0.005)

    await within(1, attempt)


@pytest.mark.parametrize("workers", [1, 4])
async def test_without_valkey_a_gateway_grants_its_share_of_the_limit(
    own_server: Server, make: Make, workers: int
) -> None:
    limiter = make(own_server, gateway_workers=workers)
    own_server.kill()
    wide, narrow = layer(100), layer(3)
    answers = [await limiter.decide([wide]) for _ in range(150)]
    assert sum(answer.allowed for answer in answers) == 100 // workers
    assert not any(answer.exact for answer in answers)
    refused = answers[-1]
    assert refused.remaining == 0
    assert refused.retry_after >= 1
    assert (await limiter.decide([narrow])).allowed  # at least one, however many workers share


async def test_the_limits_are_exact_again_after_valkey_was_killed_and_restarted(own_server: Server, make: Make) -> None:
    limiter = make(own_server, limit_breaker_seconds=0.1)
    for _ in range(3):
        await until_exact(limiter)
        own_server.kill()
        assert not (await limiter.decide([layer(10)])).exact
        own_server.start()  # the script is unknown to it, and the old connections are dead


async def test_a_pause_of_the_gateway_itself_is_not_held_against_valkey(own_server: Server, make: Make) -> None:
    limiter = make(own_server, limit_budget_seconds=0.3)
    await until_exact(limiter)

    async def attempt(_: int) -> float:
        asked = asyncio.create_task(limiter.decide([layer(10)]))
        for _ in range(5):
            await asyncio.sleep(0)
        pause(0.6)
        return 0.0 if (await asked).exact else 1.0

    for _ in range(3):
        # Valkey may be late by itself, but not every time.
        await within(0.0, attempt)


async def test_late_replies_never_reach_another_caller(own_server: Server, make: Make) -> None:
    limiter = make(own_server, limit_breaker_failures=1_000_000, limit_connection_timeout_seconds=PATIENT)
    await until_exact(limiter)
    for _ in range(5):
        own_server.hang()
        lost = await asyncio.gather(*(limiter.decide([layer(1000 + place)]) for place in range(20)))
        own_server.go_on()
        assert not any(decision.exact for decision in lost)
        await until_exact(limiter)
        for limit in range(1, 40):
            decision = await limiter.decide([layer(limit)])
            assert decision.remaining == limit - 1


async def test_a_caller_that_is_cancelled_leaves_the_connection_clean(own_server: Server, make: Make) -> None:
    limiter = make(
        own_server, limit_budget_seconds=PATIENT, limit_connection_timeout_seconds=PATIENT, limit_connections=1
    )
    await until_exact(limiter)
    for limit in range(2, 60):
        gone = asyncio.create_task(limiter.decide([layer(5000)]))
        for _ in range(limit % 7):
            await asyncio.sleep(0)
        gone.cancel()
        decision = await limiter.decide([layer(limit)])
        assert (decision.exact, decision.limit, decision.remaining) == (True, limit, limit - 1)
        await asyncio.gather(gone, return_exceptions=True)
    assert own_server.ask("INFO", "stats")["total_connections_received"] < 10


async def test_each_change_of_state_is_one_line_in_the_log(
    own_server: Server, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    limiter = make(own_server, limit_breaker_seconds=0.1)
    await until_exact(limiter)
    own_server.hang()

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == LOGGER]

    end = time.monotonic() + 20
    while not said():
        assert time.monotonic() < end
        await limiter.decide([layer(10)])
    # Several tries whether it is back, none of which is news.
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        await limiter.decide([layer(10)])
        await asyncio.sleep(0.005)
    own_server.go_on()
    await until_exact(limiter)
    lines = said()
    assert len(lines) == 2
    assert "does not decide" in lines[0]
    assert "answers again" in lines[1]


async def test_one_call_alone_tries_whether_valkey_is_back(own_server: Server, make: Make) -> None:
    limiter = make(own_server, limit_breaker_seconds=2.0)
    await until_exact(limiter)
    own_server.hang()
    for _ in range(5):
        await limiter.decide([layer(10)])
    await asyncio.sleep(2.05)
    before = late()
    await asyncio.gather(*(limiter.decide([layer(10)]) for _ in range(50)))
    await asyncio.gather(*(limiter.decide([layer(10)]) for _ in range(50)))
    assert late() - before == 1


async def test_an_error_of_valkey_is_decided_here(own_server: Server, make: Make) -> None:
    limiter = make(own_server)
    await until_exact(limiter)
    own_server.ask("CONFIG", "SET", "maxmemory", "1")
    decision = await limiter.decide([layer(10)])
    assert decision.allowed
    assert not decision.exact


async def test_a_server_that_has_become_a_replica_decides_nothing_until_it_is_primary_again(
    own_server: Server, make: Make
) -> None:
    limiter = make(own_server, limit_breaker_seconds=0.1)
    await until_exact(limiter)
    own_server.ask("REPLICAOF", "127.0.0.1", "1")
    assert not (await limiter.decide([layer(10)])).exact
    own_server.ask("REPLICAOF", "NO", "ONE")
    await until_exact(limiter)


async def test_a_strict_limit_that_was_used_up_stays_used_up_when_valkey_goes(own_server: Server, make: Make) -> None:
    limiter = make(own_server)
    await until_exact(limiter)
    used_up = layer(5, name="sign-in")
    assert [(await limiter.decide([used_up], strict=True)).allowed for _ in range(5)] == [True] * 5
    own_server.kill()
    assert not any([(await limiter.decide([used_up], strict=True)).allowed for _ in range(20)])
    fresh = layer(5, name="sign-in")
    assert sum([(await limiter.decide([fresh], strict=True)).allowed for _ in range(20)]) == 5


def test_strict_counters_are_kept_and_newcomers_refused_when_the_table_is_full() -> None:
    table = LocalLimiter(workers=1, entries=50, forgets=False)
    now_ms = 1_800_000_000_000
    first = [cap_of(layer(1), 1.0)]
    assert table.decide(first, now_ms).allowed
    newcomers = [table.decide([cap_of(layer(1), 1.0)], now_ms).allowed for _ in range(500)]
    assert sum(newcomers) == 49
    assert not table.decide(first, now_ms).allowed
    # When the windows have passed, there is room again.
    assert table.decide([cap_of(layer(1), 1.0)], now_ms + 4_000_000).allowed


def test_other_counters_are_forgotten_longest_unused_first() -> None:
    table = LocalLimiter(workers=1, entries=50, forgets=True)
    now_ms = 1_800_000_000_000
    busy = [cap_of(layer(1_000_000), 1.0)]
    for _ in range(500):
        assert table.decide([cap_of(layer(1), 1.0)], now_ms).allowed
        table.decide(busy, now_ms)
    assert len(table) == 50
    assert table.decide(busy, now_ms).remaining == 1_000_000 - 501
