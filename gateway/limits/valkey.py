"""Decisions by Valkey: the calls of one tick of the event loop share a round trip.

No command is ever cancelled because a caller went or ran out of time. `lines.py` says whom a reply can meet.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.limits import metrics
from gateway.limits.breaker import Breaker
from gateway.limits.layers import Cap, Verdict
from gateway.limits.lines import Lines, pack
from shared.settings import Settings
from shared.stopping import cancel

SCRIPT = Path(__file__).with_name("window.lua").read_text()
_SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest().encode()


_LOAD = pack(b"SCRIPT", b"LOAD", SCRIPT.encode())


class _Group:
    """The calls that will share a round trip. All have joined within the budget of the first."""

    __slots__ = ("commands", "due", "ended", "extended", "last", "timer", "waiters", "wakes")

    def __init__(self, due: float, last: float) -> None:
        self.commands: list[bytes] = []
        self.waiters: list[asyncio.Future[Verdict | None]] = []
        self.due = due  # when the budget ends, by the loop's clock
        self.last = last  # when all patience ends
        self.wakes = due  # when its timer looks at it
        self.ended = False
        self.extended = False
        self.timer: asyncio.TimerHandle | None = None

    def end(self, verdicts: Sequence[Verdict | None]) -> None:
        self.ended = True
        if self.timer:
            self.timer.cancel()
        for waiter, verdict in zip(self.waiters, verdicts, strict=True):
            if not waiter.done():
                waiter.set_result(verdict)


class Valkey:
    def __init__(self, redis: Redis, settings: Settings, breaker: Breaker) -> None:
        self._lines = Lines(redis, settings, _LOAD)
        self._breaker = breaker
        self._budget_seconds = settings.limit_budget_seconds
        self._patience_seconds = settings.limit_patience_seconds
        self._queue_calls = settings.limit_queue_calls
        self._free_lanes = settings.limit_connections
        self._closed = False
        self._next: _Group | None = None
        self._round_trips: set[asyncio.Task[None]] = set()

    async def decide(self, caps: Sequence[Cap], now_ms: int | None) -> Verdict | None:
        """None when there is no decision within the budget. Without ``now_ms`` the server's clock counts."""
        group = self._next or self._open_group()
        if len(group.waiters) >= self._queue_calls:
            metrics.FAILURES.labels("queue full").inc()
            return None
        waiter: asyncio.Future[Verdict | None] = asyncio.get_running_loop().create_future()
        group.commands.append(_command(tuple(caps), now_ms))
        group.waiters.append(waiter)
        return await waiter

    async def close(self) -> None:
        self._closed = True
        await cancel(self._round_trips)
        await self._lines.close()

    def _open_group(self) -> _Group:
        loop = asyncio.get_running_loop()
        now = loop.time()
        group = self._next = _Group(now + self._budget_seconds, now + self._patience_seconds)
        group.timer = loop.call_at(group.due, self._expire, group)
        loop.call_soon(self._send)
        return group

    def _send(self) -> None:
        group = self._next
        if group is None or self._free_lanes == 0 or self._closed:
            return
        self._next = None
        self._free_lanes -= 1
        task = asyncio.get_running_loop().create_task(self._round_trip(group))
        self._round_trips.add(task)
        task.add_done_callback(self._round_trips.discard)

    async def _round_trip(self, group: _Group) -> None:
        began = time.perf_counter()
        try:
            replies = await self._lines.exchange(group.commands)
        except (RedisError, OSError) as error:
            self._fail(group, type(error).__name__, str(error))
        else:
            metrics.ROUND_TRIPS.observe(time.perf_counter() - began)
            self._finish(group, replies)
        finally:
            self._free_lanes += 1
            self._send()

    def _finish(self, group: _Group, replies: Sequence[object]) -> None:
        error = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if error is not None:
            self._fail(group, type(error).__name__, str(error), [_verdict(reply) for reply in replies])
        elif not group.ended:
            self._breaker.succeeded(slowly=asyncio.get_running_loop().time() > group.due)
            group.end([_verdict(reply) for reply in replies])

    def _expire(self, group: _Group) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = now - group.wakes
        if self._breaker.trusts and now < group.last:
            # A machine that is short of time is no reason to count in two places; a Valkey that fails is.
            group.wakes = min(now + self._budget_seconds, group.last)
        elif late > self._budget_seconds / 10 and not group.extended:
            # This process itself has slept, so the answer may be lying here unread.
            group.extended = True
            group.wakes = now + min(late, self._budget_seconds)
        else:
            if self._next is group:
                self._next = None
            self._fail(group, "late", f"no answer within {(now - group.due + self._budget_seconds) * 1000:.0f} ms")
            return
        group.timer = loop.call_at(group.wakes, self._expire, group)

    def _fail(self, group: _Group, kind: str, reason: str, verdicts: Sequence[Verdict | None] | None = None) -> None:
        if group.ended:
            return
        metrics.FAILURES.labels(kind).inc()
        self._breaker.failed(reason)
        group.end(verdicts or [None] * len(group.waiters))


# The same few callers send it again and again.
@lru_cache(maxsize=4096)
def _command(caps: tuple[Cap, ...], now_ms: int | None) -> bytes:
    numbers = [b"%d" % number for cap in caps for number in (cap.limit, cap.bucket_ms)]
    now = b"" if now_ms is None else b"%d" % now_ms
    return pack(b"EVALSHA", _SHA, b"%d" % len(caps), *(cap.counter for cap in caps), now, *numbers)


def _verdict(reply: object) -> Verdict | None:
    if not isinstance(reply, list):
        return None
    allowed, shown, remaining, reset_ms, now_ms = reply
    return Verdict(allowed == 1, shown - 1, remaining, reset_ms, now_ms)
