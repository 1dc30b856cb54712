"""What is limited, and what a decision says."""

from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import NamedTuple

import msgspec

# A window is counted in this many buckets; `window.lua` says why one more than these is in every sum.
BUCKETS = 60


class Layer(msgspec.Struct, frozen=True):
    """One limit that a call must keep: at most ``limit`` in any ``window_seconds``; a limit of 0 is switched off."""

    name: str  # "address", "user", "workspace", "key", "misses", "pages"
    key: str  # whose counter: an address, a user's id, …
    limit: int
    window_seconds: int


class Decision(msgspec.Struct, frozen=True):
    """The numbers are those of the tightest layer; of a refusal: of the refusing layer that frees up last."""

    allowed: bool
    limit: int
    remaining: int
    reset: int  # Unix seconds, rounded up: a call then succeeds, unless somebody else has taken the place
    retry_after: int  # seconds, at least 1 when refused, else 0
    layer: str
    window_seconds: int
    exact: bool  # False: this gateway decided alone, by its share of the limit


class Cap(NamedTuple):
    """A layer as the counters know it."""

    counter: bytes
    limit: int
    bucket_ms: int


class Verdict(NamedTuple):
    """What the counters say: ``shown`` is the place of the layer whose numbers these are."""

    allowed: bool
    shown: int
    remaining: int
    reset_ms: int
    now_ms: int


# Hashing names is a good part of a decision, and the same few callers make most of them.
@lru_cache(maxsize=16_384)
def cap_of(layer: Layer, time_scale: float) -> Cap:
    # Addresses must not be readable in the store. The tag in braces keeps all counters on one node of a cluster.
    owner = blake2b(layer.key.encode(), digest_size=16).hexdigest()
    counter = f"{{limits}}:{layer.name}:{layer.window_seconds}:{owner}"
    # Rounding up may only make the window longer, never let more through.
    bucket_ms = ceil(layer.window_seconds * 1000 / time_scale / BUCKETS)
    return Cap(counter.encode(), layer.limit, bucket_ms)


def decision_of(layer: Layer, verdict: Verdict, exact: bool) -> Decision:
    return Decision(
        allowed=verdict.allowed,
        limit=layer.limit,
        remaining=verdict.remaining,
        reset=_seconds(verdict.reset_ms),
        retry_after=0 if verdict.allowed else max(1, _seconds(verdict.reset_ms - verdict.now_ms)),
        layer=layer.name,
        window_seconds=layer.window_seconds,
        exact=exact,
    )


def _seconds(milliseconds: int) -> int:
    """Rounded up."""
    return -(-milliseconds // 1000)
