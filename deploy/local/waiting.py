"""Waiting for what sends no word, such as the end of somebody else's process, and for tasks to end."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

_LOOK_SECONDS = 0.05
_AGAIN_SECONDS = 0.5


async def until(condition: Callable[[], bool], timeout_seconds: float = float("inf")) -> bool:
    """Returns when the condition holds (True) or the time is over (False)."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


async def end(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end, whatever it is; again and again, as libraries swallow cancellations."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_SECONDS)
