"""Several copies of one service, and copies that stop."""

import asyncio
import contextlib
import time
from collections import Counter

import msgspec

from shared.bus import Bus
from shared.faults import Code, Fault
from shared.settings import Settings
from tests.shared.conftest import Begin, answering
from tests.shared.echo import Echo, Slow
from tests.shared.waiting import fault_of, until


async def test_two_copies_share_the_questions(bus: Bus, begin: Begin) -> None:
    async with begin("one") as (one, first), begin("two") as (two, second):
        answers = Counter(await asyncio.gather(*(bus.ask(Slow(name=str(n), seconds=0.01)) for n in range(400))))
        assert sorted(one.begun + two.begun, key=int) == [str(n) for n in range(400)]
        assert min(answers["one"], answers["two"]) > 100
        await first.stop()
        await second.stop()


async def test_when_one_copy_stops_the_other_answers_everything_and_nothing_is_lost(bus: Bus, begin: Begin) -> None:
    async with begin("one") as (one, first), begin("two") as (two, second):
        asked = [asyncio.create_task(bus.ask(Slow(name=str(n), seconds=0.3))) for n in range(100)]
        await until(lambda: one.begun)
        stopping = asyncio.create_task(first.stop())
        for n in range(100, 200):
            asked.append(asyncio.create_task(bus.ask(Slow(name=str(n), seconds=0.01))))
            await asyncio.sleep(0.001)
        assert set(await asyncio.gather(*asked)) == {"one", "two"}
        await stopping
        assert sorted(one.finished + two.finished, key=int) == [str(n) for n in range(200)]
        assert await bus.ask(Slow(seconds=0)) == "two"
        await second.stop()


async def test_copies_come_and_go_and_no_question_is_lost(bus: Bus, begin: Begin) -> None:
    done = asyncio.Event()

    async def keep_asking() -> int:
        asked = 0
        while not done.is_set():
            await bus.ask(Slow(seconds=0))
            asked += 1
        return asked

    async with contextlib.AsyncExitStack() as stack:
        _, last = await stack.enter_async_context(begin("0"))
        asking = [asyncio.create_task(keep_asking()) for _ in range(16)]
        for n in range(1, 20):
            _, next_ = await stack.enter_async_context(begin(f"{n}"))
            await last.stop()
            last = next_
        done.set()
        assert sum(await asyncio.gather(*asking)) > 200
        await last.stop()


async def test_stopping_finishes_what_has_begun_and_takes_nothing_new(bus: Bus, begin: Begin) -> None:
    async with begin("one") as (copy, answers):
        begun = [asyncio.create_task(bus.ask(Slow(name=str(n), seconds=1))) for n in range(50)]
        await until(lambda: len(copy.begun) == 50)
        stopping = asyncio.create_task(answers.stop())
        await until(lambda: _silent(bus))
        fault, _ = await fault_of(bus.ask(Slow(name="new")))
        assert fault.code is Code.UNAVAILABLE
        assert await asyncio.gather(*begun) == ["one"] * 50
        await stopping
        assert "new" not in copy.begun


async def _silent(bus: Bus) -> bool:
    """Nobody of the echo service is found any more."""
    try:
        await bus._client.request("$SRV.PING.echo", timeout=0.5)
    except Exception:  # noqa: BLE001 - no responders, or none in time
        return True
    return False


async def test_stopping_waits_no_longer_than_agreed(bus: Bus, settings: Settings) -> None:
    hasty = msgspec.structs.replace(settings, stop_timeout_seconds=0.2)
    copy = Echo(bus)
    async with answering(bus, hasty, copy.answerers):
        endless = asyncio.create_task(bus.ask(Slow(seconds=60), timeout=20))
        await until(lambda: copy.begun)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    [outcome] = await asyncio.gather(endless, return_exceptions=True)
    assert isinstance(outcome, Fault)
    assert copy.finished == []
