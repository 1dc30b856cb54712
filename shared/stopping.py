"""Background work comes to its end."""

import asyncio
from collections.abc import Sequence

# Long enough for what a cancelled task still has to tidy up.
CANCEL_AGAIN_SECONDS = 1.0


async def cancel(work: Sequence[asyncio.Task[None]]) -> list[BaseException | None]:
    """Returns when all of it has ended, with how each did.

    Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes at the moment of its result. So whoever does
    not end is cancelled again; and work that has parts must pass on every cancellation, which a `TaskGroup` does not.
    """
    pending = set(work)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    return await asyncio.gather(*work, return_exceptions=True)
