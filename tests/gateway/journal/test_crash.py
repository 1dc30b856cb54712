"""Workers that are killed with -9 in the middle of everything, with a ledger of what they had taken."""

import asyncio
import random
import sys
from pathlib import Path

from gateway.redirect.journal import Journal
from shared.bus import Bus
from tests.gateway.journal.clicks import directories, settings, until
from tests.gateway.journal.stream import Stream

ROUNDS = 8


async def killed_worker(folder: Path, url: str, prefix: str, lifetime: float) -> list[str]:
    """The tokens of the clicks that the worker had taken when it was killed ``lifetime`` seconds after its first."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.gateway.journal.worker", str(folder), url, prefix),
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert worker.stdout
    told = await asyncio.wait_for(worker.stdout.readline(), 20)
    reading = asyncio.create_task(worker.stdout.read())
    await asyncio.sleep(lifetime)
    worker.kill()
    told += await reading
    await worker.wait()
    # The last line may be torn as well; then nobody was told.
    return [line.decode() for line in told.split(b"\n")[:-1]]


async def test_every_click_taken_before_a_kill_is_counted_exactly_once(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    taken: list[str] = []
    for number in range(ROUNDS):
        pair = [killed_worker(tmp_path, stream.url, f"{number}-{side}", dice.uniform(0.0, 0.4)) for side in ("a", "b")]
        for tokens in await asyncio.gather(*pair):
            taken += tokens

    chosen = settings(tmp_path)
    last = Journal(chosen, bus.publish)
    last.start()
    await until(lambda: last.lag == 0 and directories(chosen) == [last.id])
    await last.close()

    counted = await stream.tokens()
    assert len(counted) == len(set(counted)), "a click counts twice"
    assert set(taken) <= set(counted), "a click is lost"
    # A worker may have been killed between the write and the telling, but once a life at most.
    assert len(counted) - len(taken) <= 2 * ROUNDS
    assert (last.counts.dropped, last.counts.corrupt) == (0, 0)
    print(f"{len(taken)} clicks, {len(await stream.messages()) - len(await stream.batches())} batches sent again")
