"""What a service does again and again without anybody asking."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from shared.faults import Fault

log = logging.getLogger(__name__)


async def keep_doing(what: str, work: Callable[[], Awaitable[object]], pause_seconds: float) -> NoReturn:
    """For ever, with a pause after each time. When a server is away, the next time comes soon enough; a defect is told
    to whoever waits for this. ``what`` names the work in the log."""
    while True:
        try:
            await work()
        except Fault as fault:
            log.info("%s waits: %s", what, fault.message)
        await asyncio.sleep(pause_seconds)
