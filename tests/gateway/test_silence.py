"""A service that hangs: what is remembered serves on, and it costs nearly nobody anything to find out."""

import asyncio
import time

import pytest

from gateway.memory import RETRY_SECONDS, Memory
from shared.faults import Code, Fault
from tests.client import until, within

KEYS = [f"key {number}" for number in range(40)]
PATIENCE_SECONDS = 0.05


class Service:
    """Hangs for as long as it is told to."""

    def __init__(self) -> None:
        self.version = "old"
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, key: str) -> str:
        self.asked += 1
        await self.open.wait()
        return f"{key}, {self.version}"


async def hanging(stale_seconds: float) -> tuple[Service, Memory[str, str]]:
    """A service that hangs, and a memory that knows all `KEYS` from before and doubts them."""
    service = Service()
    memory: Memory[str, str] = Memory(
        service.ask,
        entries=100,
        fresh_seconds=lambda _answer: 60.0,
        stale_seconds=stale_seconds,
        patience_seconds=PATIENCE_SECONDS,
    )
    for key in KEYS:
        await memory.get(key)
    service.asked, service.version = 0, "new"
    service.open.clear()
    memory.doubt_all()
    return service, memory


async def test_one_wait_a_second_is_enough_whatever_is_asked_for() -> None:
    async def attempt(_: int) -> float:
        service, memory = await hanging(stale_seconds=60.0)
        began = time.monotonic()
        assert [await memory.get(key) for key in KEYS] == [f"{key}, old" for key in KEYS]
        took = time.monotonic() - began
        assert service.asked <= 1 + took / RETRY_SECONDS
        service.open.set()
        return took

    await within(len(KEYS) * PATIENCE_SECONDS / 2, attempt)


async def test_it_costs_one_wait_a_second_and_not_one_a_request() -> None:
    async def attempt(_: int) -> float:
        service = Service()
        memory: Memory[str, str] = Memory(
            service.ask, entries=100, fresh_seconds=lambda _answer: 0.0, stale_seconds=60.0, patience_seconds=1.2
        )
        await memory.get("a")
        service.open.clear()
        began = time.monotonic()
        assert await memory.get("a") == "a, old"
        assert time.monotonic() - began > 1.1
        assert {await memory.get("a") for _ in range(100)} == {"a, old"}
        service.open.set()
        return time.monotonic() - began

    await within(2, attempt)


async def test_when_it_answers_again_everything_is_asked_for_within_a_second() -> None:
    async def attempt(_: int) -> float:
        service, memory = await hanging(stale_seconds=60.0)
        await memory.get(KEYS[0])
        service.open.set()

        async def look() -> list[str]:
            return [await memory.get(key) for key in KEYS]

        return (await until(look, lambda seen: seen == [f"{key}, new" for key in KEYS]))[1]

    await within(RETRY_SECONDS + 1, attempt)


async def test_what_is_too_old_or_not_known_is_asked_for_all_the_same() -> None:
    service, memory = await hanging(stale_seconds=2.0)
    assert await memory.get(KEYS[0]) == f"{KEYS[0]}, old"
    unknown = asyncio.create_task(memory.get("another key"))
    await asyncio.sleep(2.0)
    with pytest.raises(Fault) as too_old:
        await memory.get(KEYS[1])
    assert too_old.value.code is Code.TIMEOUT
    service.open.set()
    assert await unknown == "another key, new"
