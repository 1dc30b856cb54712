import asyncio

import pytest

from shared.stopping import cancel, together


class Work:
    """Swallows as many cancellations as it is told to, as libraries do."""

    def __init__(self, deaf: int = 0) -> None:
        self.begun = asyncio.Event()
        self.ended = False
        self._deaf = deaf

    async def run(self) -> None:
        while True:
            try:
                self.begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self._deaf:
                    self.ended = True
                    raise
                self._deaf -= 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.stopping.CANCEL_AGAIN_SECONDS", 0.02)


async def test_whoever_misses_a_cancellation_is_cancelled_again() -> None:
    work = Work(deaf=3)
    task = asyncio.create_task(work.run())
    await work.begun.wait()
    outcomes = await cancel([task])
    assert work.ended
    assert isinstance(outcomes[0], asyncio.CancelledError)


async def test_a_crash_is_told_to_whoever_ends_the_work() -> None:
    async def crash() -> None:
        raise ValueError("no")

    task = asyncio.create_task(crash())
    await asyncio.wait([task])
    (outcome,) = await cancel([task])
    assert isinstance(outcome, ValueError)


async def test_whoever_is_cancelled_while_ending_others_leaves_none_behind() -> None:
    work = Work(deaf=5)
    task = asyncio.create_task(work.run())
    await work.begun.wait()
    ending = asyncio.create_task(cancel([task]))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert work.ended


async def test_all_parts_have_ended_when_the_whole_has_been_cancelled() -> None:
    quick, slow = Work(), Work(deaf=4)
    whole = asyncio.create_task(together(quick.run(), slow.run()))
    await asyncio.gather(quick.begun.wait(), slow.begun.wait())
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert quick.ended
    assert slow.ended


async def test_a_part_that_crashes_ends_the_others_and_is_told() -> None:
    other = Work(deaf=2)

    async def crash() -> None:
        await other.begun.wait()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await together(other.run(), crash())
    assert other.ended
