"""Waiting for what must come, and for the fault that work ends with."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from shared.faults import Fault


async def until(holds: Callable[[], object | Awaitable[object]], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while True:
        found = holds()
        if await found if inspect.isawaitable(found) else found:
            return
        assert time.monotonic() < end, "it did not come in time"
        await asyncio.sleep(0.002)


async def fault_of(work: Awaitable[Any]) -> tuple[Fault, float]:
    """The fault that the work ends with, and after how many seconds."""
    began = time.monotonic()
    try:
        answer = await work
    except Fault as fault:
        return fault, time.monotonic() - began
    raise AssertionError(f"it was answered: {answer}")
