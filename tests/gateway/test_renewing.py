"""What a gateway remembers and uses is renewed by one question about many keys, and as honest as one by one."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.renewing import RenewingMemory
from shared.faults import Code, Fault
from tests.client import until

AWAY = Fault(Code.UNAVAILABLE, "Nobody is there")
KEYS = [f"key {number}" for number in range(25)]
MOST = 10
FRESH_SECONDS = 3.0
# An answer comes due after 60 per cent of its time, and is asked for up to two ticks ahead.
SOONEST_SECONDS = 0.6 * FRESH_SECONDS - 2 * 0.25


class Service:
    """Answers one by one or together, when it is let to."""

    def __init__(self) -> None:
        self.version = "old"
        self.alone: list[str] = []
        self.together: list[list[str]] = []
        self.moments: list[float] = []
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def one(self, key: str) -> str:
        self.alone.append(key)
        return f"{key}, {self.version}"

    async def many(self, keys: Sequence[str]) -> list[str]:
        self.together.append(list(keys))
        self.moments.append(time.monotonic())
        answers = [f"{key}, {self.version}" for key in keys]
        await self.open.wait()
        if self.failure:
            raise self.failure
        return answers

    async def asked(self, times: int) -> None:
        async def count() -> int:
            return len(self.together)

        await until(count, lambda seen: seen >= times)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def remembered(service: Service) -> AsyncIterator[RenewingMemory[str, str]]:
    """All `KEYS`, which come due after 60 to 90 per cent of their time."""
    memory: RenewingMemory[str, str] = RenewingMemory(
        service.one,
        service.many,
        at_once=MOST,
        in_use_seconds=lambda answer: 0.0 if "unknown" in answer else 600.0,
        entries=100,
        fresh_seconds=lambda _answer: FRESH_SECONDS,
        stale_seconds=600.0,
        patience_seconds=5.0,
    )
    for key in KEYS:
        await memory.get(key)
    service.alone.clear()
    service.version = "new"
    renewing = asyncio.create_task(memory.renew())
    yield memory
    service.open.set()
    renewing.cancel()
    await asyncio.wait([renewing])


Remembered = RenewingMemory[str, str]


def values(remembered: Remembered, seconds: float = 0.0) -> list[str]:
    """What is remembered and fresh ``seconds`` from now; looking is using."""
    entries = (remembered.fresh(key, time.monotonic() + seconds) for key in KEYS)
    return [entry.value for entry in entries if entry]


async def all_new(service: Service, remembered: Remembered) -> None:
    """Without looking at the memory before: that would be a use, and may ask by itself."""

    async def asked() -> set[str]:
        return set(itertools.chain(*service.together))

    await until(asked, lambda seen: seen >= set(KEYS))
    await asyncio.sleep(0)
    assert values(remembered) == [f"{key}, new" for key in KEYS]


async def test_what_is_in_use_is_renewed_together_before_anybody_has_to_wait(
    service: Service, remembered: Remembered
) -> None:
    await all_new(service, remembered)
    assert service.alone == []
    assert set(itertools.chain(*service.together)) == set(KEYS)
    # None before it is due again, however late this is looked at.
    for key in KEYS:
        moments = [at for at, keys in zip(service.moments, service.together, strict=True) if key in keys]
        assert all(later - earlier >= SOONEST_SECONDS for earlier, later in itertools.pairwise(moments))
    assert max(map(len, service.together)) <= MOST
    assert len(service.together) < len(list(itertools.chain(*service.together)))


async def test_it_is_renewed_again_and_again_without_being_used_each_time(
    service: Service, remembered: Remembered
) -> None:
    await asyncio.sleep(2 * FRESH_SECONDS)
    assert values(remembered) == [f"{key}, new" for key in KEYS]
    assert service.alone == []


async def test_what_nobody_has_used_since_it_was_asked_for_is_left_alone_where_that_is_wanted(
    service: Service, remembered: Remembered
) -> None:
    service.version = "unknown"
    await remembered.get("tried once")
    service.version = "new"
    await asyncio.sleep(2 * FRESH_SECONDS)
    assert "tried once" not in itertools.chain(*service.together)
    assert await remembered.get("tried once") == "tried once, new"


async def test_one_question_is_under_way_at_a_time(service: Service, remembered: Remembered) -> None:
    service.open.clear()
    await service.asked(1)
    await asyncio.sleep(FRESH_SECONDS)
    assert len(service.together) == 1
    service.open.set()
    await service.asked(3)


async def test_what_changes_while_it_is_renewed_is_not_remembered(service: Service, remembered: Remembered) -> None:
    service.version = "older than the change"
    service.open.clear()
    service.together.clear()
    remembered.doubt_all()  # so that many come due at once
    await service.asked(1)
    changed, other = service.together[0][:2]
    remembered.forget(changed)
    service.version = "changed"
    service.open.set()
    assert await remembered.get(changed) == f"{changed}, changed"
    assert service.alone == [changed]
    assert await remembered.get(other) == f"{other}, older than the change"


async def test_after_a_gap_everything_in_use_is_asked_for_anew_at_once(
    service: Service, remembered: Remembered
) -> None:
    service.open.clear()
    service.version = "older than the gap"
    await service.asked(1)
    remembered.doubt_all()
    assert values(remembered) == []
    service.version = "new"
    service.together.clear()
    service.open.set()
    await all_new(service, remembered)
    assert service.alone == []


async def test_what_is_forgotten_is_not_asked_for(service: Service, remembered: Remembered) -> None:
    remembered.forget(KEYS[3])
    await asyncio.sleep(FRESH_SECONDS)
    assert KEYS[3] not in itertools.chain(*service.together)
    assert len(service.together) > 0


async def test_a_visitor_who_comes_too_late_shares_the_question_that_is_under_way(
    service: Service, remembered: Remembered
) -> None:
    service.open.clear()
    await service.asked(1)
    key = service.together[0][0]
    await asyncio.sleep(FRESH_SECONDS)
    late = asyncio.gather(*(remembered.get(key) for _ in range(10)))
    await asyncio.sleep(0)
    service.open.set()
    assert set(await late) == {f"{key}, new"}
    assert service.alone == []


@pytest.mark.parametrize("failure", [AWAY, ZeroDivisionError("a defect")], ids=["fault", "crash"])
async def test_a_question_that_fails_is_asked_again_and_a_defect_is_told(
    service: Service, remembered: Remembered, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    service.failure = failure
    await service.asked(1)
    await asyncio.sleep(0)
    service.failure = None
    service.together.clear()
    await all_new(service, remembered)
    told = [record.levelname for record in caplog.records if record.name == "gateway.renewing"]
    assert told == ([] if isinstance(failure, Fault) else ["ERROR"])
