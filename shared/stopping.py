"""Background work comes to its end."""

import asyncio
from collections.abc import Coroutine, Iterable

# Long enough for what a cancelled task still has to tidy up.
CANCEL_AGAIN_SECONDS = 1.0


async def cancel(work: Iterable[asyncio.Task[object]]) -> list[BaseException | None]:
    """Returns when all of it has ended, with what each has raised.

    Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes at the moment of its result, and libraries
    swallow others. So whoever does not end is cancelled again; and whoever waits here may be cancelled as well, and
    still leaves nothing behind.
    """
    tasks = list(work)
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled
    return [asyncio.CancelledError() if task.cancelled() else task.exception() for task in tasks]


async def together(*parts: Coroutine[None, None, None]) -> None:
    """Several parts of one work: when one of them ends, or all are cancelled, the others are ended before it returns.

    What `asyncio.gather` leaves running when the first part has ended, and a `TaskGroup` cancels only once.
    """
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(tasks)
    for task in done:
        task.result()
