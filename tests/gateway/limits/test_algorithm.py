"""The algorithm itself, in both its languages, against an exact log of what was accepted."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gateway.limits import Decision, Layer, Limiter
from gateway.limits.layers import BUCKETS, cap_of, decision_of
from gateway.limits.local import LocalLimiter
from shared import ids

START_MS = 1_800_000_000_000
WINDOWS = (60, 3600, 86_400)


class Step(NamedTuple):
    """Some time passes, and then so many calls come at once."""

    windows: int  # of one of the layers
    buckets: float  # of the same; windows less or plus some buckets is where the counting is delicate
    layer: int
    to_reset: bool  # instead, when the last answer left nothing
    calls: int

    def wait_ms(self, layers: Sequence[Layer]) -> int:
        window_ms = layers[self.layer % len(layers)].window_seconds * 1000
        return int(window_ms * self.windows + window_ms / BUCKETS * self.buckets)


def steps(fewest_buckets: float, most_windows: int) -> SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        windows=st.sampled_from([0, 0, most_windows]),
        buckets=st.floats(fewest_buckets, 3),
        layer=st.integers(0, 2),
        to_reset=st.booleans(),
        calls=st.integers(1, 8),
    )
    return st.lists(step, min_size=1, max_size=25)


# Each example gets counters of its own, so the keys are drawn outside of what hypothesis repeats.
layers = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(WINDOWS)), min_size=1, max_size=3)
offsets = st.integers(0, 86_400_000)
examples = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def fresh(drawn: Sequence[tuple[int, int]]) -> list[Layer]:
    return [Layer(name="key", key=ids.new(), limit=limit, window_seconds=seconds) for limit, seconds in drawn]


def most_in_any_window(accepted_ms: Sequence[int], window_ms: int) -> int:
    """The fullest window that ends with an accepted call; no other can be fuller."""
    return max(sum(end - window_ms < at <= end for at in accepted_ms) for end in accepted_ms)


@examples
@given(drawn=layers, steps=steps(fewest_buckets=0, most_windows=0) | steps(-1.5, 1), offset_ms=offsets)
async def test_never_over_in_any_window_and_always_let_in_at_reset(
    limiter: Limiter, drawn: list[tuple[int, int]], steps: list[Step], offset_ms: int
) -> None:
    layers = fresh(drawn)
    now_ms = START_MS + offset_ms
    accepted: list[int] = []
    last: Decision | None = None
    for step in steps:
        must_succeed = step.to_reset and last is not None and last.remaining == 0
        if must_succeed and last is not None:
            now_ms = max(now_ms, last.reset * 1000)
        else:
            now_ms += max(step.wait_ms(layers), 0)
        for _ in range(step.calls):
            last = await limiter.decide(layers, now=now_ms / 1000)
            assert last.allowed or not must_succeed
            must_succeed = False
            if last.allowed:
                accepted.append(now_ms)
    for layer in layers:
        assert most_in_any_window(accepted, layer.window_seconds * 1000) <= layer.limit


@examples
@given(drawn=layers, steps=steps(-1.5, 1), limits=st.lists(st.integers(1, 6), min_size=25), offset_ms=offsets)
async def test_lua_and_python_agree_even_when_limits_and_clocks_move(
    limiter: Limiter, drawn: list[tuple[int, int]], steps: list[Step], limits: list[int], offset_ms: int
) -> None:
    local = LocalLimiter(workers=1, entries=100, forgets=True)
    layers = fresh(drawn)
    now_ms = START_MS + offset_ms
    for step, limit in zip(steps, limits, strict=False):
        now_ms += step.wait_ms(layers)
        layers[0] = msgspec.structs.replace(layers[0], limit=limit)
        for _ in range(step.calls):
            verdict = local.decide([cap_of(layer, 1.0) for layer in layers], now_ms)
            assert await limiter.decide(layers, now=now_ms / 1000) == decision_of(layers[verdict.shown], verdict, True)


async def test_a_clock_that_was_a_window_ahead_does_not_lock_anybody_out(limiter: Limiter) -> None:
    limited = Layer(name="key", key=ids.new(), limit=2, window_seconds=3600)
    for _ in range(3):
        ahead = await limiter.decide([limited], now=START_MS / 1000 + 86_400)
    assert not ahead.allowed
    assert (await limiter.decide([limited], now=START_MS / 1000)).allowed


async def test_steady_traffic_fills_the_window_and_stays_in_it(limiter: Limiter) -> None:
    limited = Layer(name="key", key=ids.new(), limit=100, window_seconds=60)
    accepted = [
        at_ms
        for at_ms in range(START_MS, START_MS + 180_000, 250)
        if (await limiter.decide([limited], now=at_ms / 1000)).allowed
    ]
    assert most_in_any_window(accepted, 60_000) == 100
    # A window and a bucket, twice, and the rest once more: nothing is lost to the counting but the one bucket.
    assert len(accepted) == 300
