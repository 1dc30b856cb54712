"""What holds while Valkey is there."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.limits import Layer, Limiter
from shared import ids
from tests.client import within
from tests.gateway.limits.conftest import PATIENT, Make
from tests.gateway.limits.server import Server
from tests.shared.waiting import until

HOUR = 3600


def layer(limit: int, window_seconds: int = HOUR, name: str = "key") -> Layer:
    return Layer(name=name, key=ids.new(), limit=limit, window_seconds=window_seconds)


async def accepted_of(gateway: Limiter, limited: Layer, requests: Iterator[int]) -> int:
    """Calls as long as ``requests`` lasts, which other tasks draw from too."""
    accepted = 0
    for _ in requests:
        decision = await gateway.decide([limited])
        assert decision.exact
        accepted += decision.allowed
    return accepted


async def test_exactly_the_limit_is_accepted_by_two_gateways_under_load(shared_server: Server, make: Make) -> None:
    patient = {"limit_budget_seconds": PATIENT, "limit_connection_timeout_seconds": PATIENT}
    gateways = [make(shared_server, **patient), make(shared_server, **patient)]
    for _ in range(20):
        limited, requests = layer(100), iter(range(2000))
        accepted = await asyncio.gather(*(accepted_of(gateways[task % 2], limited, requests) for task in range(64)))
        assert sum(accepted) == 100


async def test_the_end_of_one_hour_and_the_start_of_the_next_share_one_limit(limiter: Limiter) -> None:
    limited = layer(1000)
    hour = 1_800_000_000 // HOUR * HOUR
    late = [await limiter.decide([limited], now=hour - 0.5) for _ in range(1000)]
    early = [await limiter.decide([limited], now=hour + 0.5) for _ in range(1000)]
    assert sum(decision.allowed for decision in late) == 1000
    assert sum(decision.allowed for decision in early) == 0


async def test_a_full_window_opens_at_reset_and_not_a_bucket_earlier(limiter: Limiter) -> None:
    limited = layer(3)
    start = 1_800_000_000.0
    for _ in range(3):
        last = await limiter.decide([limited], now=start)
    refused = await limiter.decide([limited], now=start + HOUR)
    assert last.remaining == 0
    assert not refused.allowed
    assert refused.reset == last.reset == start + HOUR + 60
    assert refused.retry_after == 60
    assert (await limiter.decide([limited], now=refused.reset)).allowed


async def test_a_denial_by_one_layer_consumes_nothing_of_the_others(limiter: Limiter) -> None:
    wide, narrow = layer(100, name="workspace"), layer(5)
    answers = [await limiter.decide([wide, narrow]) for _ in range(50)]
    assert sum(answer.allowed for answer in answers) == 5
    assert (await limiter.decide([wide])).remaining == 100 - 5 - 1


async def test_the_numbers_are_those_of_the_tightest_layer(limiter: Limiter) -> None:
    wide, narrow = layer(100, name="workspace"), layer(5, 60)
    decision = await limiter.decide([wide, narrow])
    assert (decision.layer, decision.limit, decision.remaining, decision.window_seconds) == ("key", 5, 4, 60)


async def test_of_two_full_layers_the_one_that_frees_up_last_is_shown(limiter: Limiter) -> None:
    short, long = layer(1, 60, name="address"), layer(1, name="user")
    accepted = await limiter.decide([short, long], now=1_800_000_000)
    refused = await limiter.decide([short, long], now=1_800_000_001)
    assert accepted.layer == refused.layer == "user"
    assert (await limiter.decide([short, long], now=refused.reset)).allowed


async def test_a_lowered_limit_names_the_time_when_enough_has_left(limiter: Limiter) -> None:
    high = layer(10)
    low = Layer(name=high.name, key=high.key, limit=3, window_seconds=HOUR)
    start = 1_800_000_000
    for minute in range(10):
        await limiter.decide([high], now=start + 60 * minute)
    refused = await limiter.decide([low], now=start + 600)
    assert refused.reset == start + 60 * 7 + HOUR + 60
    assert not (await limiter.decide([low], now=refused.reset - 1)).allowed
    assert (await limiter.decide([low], now=refused.reset)).allowed


async def test_a_layer_with_limit_zero_is_off_and_no_layer_at_all_is_an_error(limiter: Limiter) -> None:
    decision = await limiter.decide([layer(0, name="address"), layer(7)])
    assert decision.limit == 7
    with pytest.raises(ValueError, match="at least one layer"):
        await limiter.decide([layer(0)])


async def test_the_time_scale_shortens_the_windows(shared_server: Server, make: Make) -> None:
    limiter = make(shared_server, time_scale=6000.0, limit_budget_seconds=PATIENT)
    window_seconds = 0.6  # an hour

    async def attempt(_: int) -> float:
        limited = layer(2)
        began = time.monotonic()
        refused = [await limiter.decide([limited]) for _ in range(3)][-1]
        took = time.monotonic() - began
        # Whoever needs a whole window for that meets another one.
        if took < window_seconds:
            assert not refused.allowed
            await asyncio.sleep(max(refused.reset - time.time(), 0) + 0.01)
            assert (await limiter.decide([limited])).allowed
        return took

    await within(window_seconds, attempt)


async def test_idle_counters_vanish(shared_server: Server, make: Make) -> None:
    limiter = make(shared_server, time_scale=600.0, limit_budget_seconds=PATIENT)
    before = set(shared_server.keys())
    for _ in range(20):
        await limiter.decide([layer(5)])
    made = set(shared_server.keys()) - before
    assert len(made) == 20
    await until(lambda: not made & set(shared_server.keys()))


async def test_no_address_is_readable_in_the_store(shared_server: Server, limiter: Limiter) -> None:
    await limiter.decide([Layer(name="address", key="127.77.1.2", limit=5, window_seconds=60)])
    keys = shared_server.keys()
    assert any(key.startswith(b"{limits}:address:60:") for key in keys)
    assert not any(b"127.77" in key for key in keys)


async def test_calls_of_one_tick_share_a_round_trip(own_server: Server, make: Make) -> None:
    limiter = make(own_server, limit_budget_seconds=PATIENT, limit_connections=1)
    await limiter.decide([layer(5)])
    before = own_server.ask("INFO", "stats")
    await asyncio.gather(*(limiter.decide([layer(5)]) for _ in range(100)))
    after = own_server.ask("INFO", "stats")
    # 100 scripts in one write are at most a few reads of the socket; asking for the figures costs some too.
    assert after["total_reads_processed"] - before["total_reads_processed"] < 15
