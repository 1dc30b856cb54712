"""The same rolling windows as in `window.lua`, counted by one gateway alone while Valkey is away."""

from collections import OrderedDict
from collections.abc import Sequence

from gateway.limits.layers import BUCKETS, Cap, Verdict

# A full table looks at this many counters for one that may go.
_LOOKS = 16


class RollingWindow:
    """The calls of one counter. `total` is right for the time of the last `advance` or `count`."""

    __slots__ = ("_bucket_ms", "_buckets", "total")

    def __init__(self, bucket_ms: int) -> None:
        self._bucket_ms = bucket_ms
        self._buckets: dict[int, int] = {}  # oldest first
        self.total = 0

    def advance(self, now_ms: int) -> int:
        """Forgets what has left the window; returns the bucket that counts now."""
        bucket = now_ms // self._bucket_ms
        if not self._buckets:
            return bucket
        newest = next(reversed(self._buckets))
        if newest > bucket + BUCKETS:
            # The clock was a whole window ahead, so what was counted then says nothing.
            self._buckets.clear()
            self.total = 0
            return bucket
        bucket = max(bucket, newest)
        while self._buckets and (oldest := next(iter(self._buckets))) < bucket - BUCKETS:
            self.total -= self._buckets.pop(oldest)
        return bucket

    def count(self, now_ms: int) -> None:
        bucket = self.advance(now_ms)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.total += 1

    def moves_at(self) -> int:
        """Unix milliseconds when the oldest calls leave the window."""
        return (next(iter(self._buckets)) + BUCKETS + 1) * self._bucket_ms

    def frees_at(self, limit: int) -> int:
        """Unix milliseconds when so many calls have left that one more fits into ``limit``."""
        left = self.total
        for bucket, calls in self._buckets.items():
            left -= calls
            if left < limit:
                return (bucket + BUCKETS + 1) * self._bucket_ms
        raise ValueError("An empty window has nothing to free")


class LocalLimiter:
    """Grants ``limit ÷ workers``, at least 1.

    A full table forgets the counter that was used longest ago. Where limits must stay strict it keeps every counter
    that still counts something, and refuses whoever has none.
    """

    def __init__(self, workers: int, entries: int, *, forgets: bool) -> None:
        self._workers = workers
        self._entries = entries
        self._forgets = forgets
        self._windows: OrderedDict[bytes, RollingWindow] = OrderedDict()

    def decide(self, caps: Sequence[Cap], now_ms: int) -> Verdict:
        shown, reset_ms = -1, -1
        for place, cap in enumerate(caps):
            window = self._windows.get(cap.counter)
            if window is None:
                continue
            window.advance(now_ms)
            limit = self._share(cap.limit)
            if window.total >= limit and (at := window.frees_at(limit)) > reset_ms:
                shown, reset_ms = place, at
        if shown >= 0:
            return Verdict(False, shown, 0, reset_ms, now_ms)
        if not self.count(caps, now_ms):
            return Verdict(False, 0, 0, now_ms + (BUCKETS + 1) * caps[0].bucket_ms, now_ms)
        return self._tightest(caps, now_ms)

    def count(self, caps: Sequence[Cap], now_ms: int) -> bool:
        """Counts a call whatever the limits are. False, and nothing counted, when there is no room for its counters."""
        new = 0
        for cap in caps:
            if cap.counter in self._windows:
                self._windows.move_to_end(cap.counter)
            else:
                new += 1
        if new and not self._make_room(new, now_ms):
            return False
        for cap in caps:
            window = self._windows.setdefault(cap.counter, RollingWindow(cap.bucket_ms))
            window.count(now_ms)
        return True

    def __len__(self) -> int:
        return len(self._windows)

    def _make_room(self, needed: int, now_ms: int) -> bool:
        for _ in range(_LOOKS):
            if not self._windows or len(self._windows) + needed <= self._entries:
                return True
            counter, window = self._windows.popitem(last=False)
            window.advance(now_ms)
            if window.total and not self._forgets:
                # It goes to the back, so that the next looks fall on others.
                self._windows[counter] = window
        return len(self._windows) + needed <= self._entries

    def _tightest(self, caps: Sequence[Cap], now_ms: int) -> Verdict:
        windows = [self._windows[cap.counter] for cap in caps]
        verdicts = [
            Verdict(True, place, self._share(cap.limit) - window.total, window.moves_at(), now_ms)
            for place, (cap, window) in enumerate(zip(caps, windows, strict=True))
        ]
        # Among equally tight layers the last to move decides, so that a call at its reset meets no other full layer.
        return min(verdicts, key=lambda verdict: (verdict.remaining, -verdict.reset_ms))

    def _share(self, limit: int) -> int:
        return max(1, limit // self._workers)
