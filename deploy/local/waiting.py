"""Waiting for what sends no word, such as the end of somebody else's process."""

import asyncio
import time
from collections.abc import Callable

_LOOK_SECONDS = 0.05


async def until(condition: Callable[[], bool], timeout_seconds: float = float("inf")) -> bool:
    """Returns when the condition holds (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
