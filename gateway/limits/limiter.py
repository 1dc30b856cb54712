"""The limiter: Valkey's exact counters, and this gateway's own while Valkey is away."""

import time
from collections.abc import Sequence

from redis.asyncio import Redis

from gateway.limits import metrics
from gateway.limits.breaker import Breaker
from gateway.limits.layers import Cap, Decision, Layer, Verdict, cap_of, decision_of
from gateway.limits.local import LocalLimiter
from gateway.limits.valkey import Valkey
from shared.settings import Settings


class Limiter:
    """One for each gateway process. It owns ``redis``, which comes from `connect`."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._time_scale = settings.time_scale
        self._breaker = Breaker(settings)
        self._valkey = Valkey(redis, settings, self._breaker)
        workers, entries = settings.gateway_workers, settings.limit_local_entries
        self._local = LocalLimiter(workers, entries, forgets=True)
        self._strict = LocalLimiter(workers, entries, forgets=False)

    async def decide(self, layers: Sequence[Layer], *, strict: bool = False, now: float | None = None) -> Decision:
        """All layers count the call, or none does. ``now`` is in Unix seconds; without it the counters use their clock.

        ``strict`` is for what must not become easier while Valkey is away: those calls are always counted here as well,
        so an outage brings no second allowance, and their counters are never forgotten to make room.

        Raises ValueError when no layer is switched on: there would be nothing to decide and no number to show.
        """
        active = [layer for layer in layers if layer.limit > 0]
        if not active:
            raise ValueError("A decision needs at least one layer with a limit")
        caps = [cap_of(layer, self._time_scale) for layer in active]
        now_ms = None if now is None else int(now * 1000)
        verdict = await self._valkey.decide(caps, now_ms) if self._breaker.admits() else None
        exact = verdict is not None
        if verdict is None:
            verdict = self._decide_alone(caps, strict, now_ms)
        elif strict and verdict.allowed:
            self._strict.count(caps, verdict.now_ms)
        decision = decision_of(active[verdict.shown], verdict, exact)
        _observe(decision)
        return decision

    async def close(self) -> None:
        await self._valkey.close()

    def _decide_alone(self, caps: Sequence[Cap], strict: bool, now_ms: int | None) -> Verdict:
        counters = self._strict if strict else self._local
        return counters.decide(caps, int(time.time() * 1000) if now_ms is None else now_ms)


def _observe(decision: Decision) -> None:
    metrics.DECISIONS_BY[decision.exact, decision.allowed].inc()
    if not decision.allowed:
        metrics.REFUSALS.labels(decision.layer).inc()
