"""What a gateway remembers: one question for many, nothing older than a change, and old answers when nobody answers."""

import asyncio
import gc
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.memory import Memory
from shared.context import deadline
from shared.faults import Code, Fault
from tests.client import until, within

AWAY = Fault(Code.UNAVAILABLE, "Nobody is there")


class Service:
    """Answers when it is let to; ``says`` maps a key to its answer or to what is raised instead."""

    def __init__(self) -> None:
        self.says: dict[str, str | Exception] = {}
        self.asked: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, key: str) -> str:
        self.asked[key] += 1
        said = self.says.get(key, f"{key} as it was at first")
        await self.open.wait()
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def service() -> Service:
    return Service()


def memory(service: Service, **changes: Any) -> Memory[str, str]:
    given: dict[str, Any] = {
        "ask": service.ask,
        "entries": 100,
        "fresh_seconds": lambda _answer: 60.0,
        "stale_seconds": 60.0,
        "patience_seconds": 0.05,
    }
    return Memory(**(given | changes))


@pytest.fixture(autouse=True)
async def nothing_goes_unnoticed() -> AsyncIterator[None]:
    """No task may end with an exception that nobody has looked at: the loop would say so when it is collected."""
    unseen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    # What other tests have left is none of these tests' business.
    gc.collect()
    loop.set_exception_handler(lambda _loop, context: unseen.append(context))
    yield
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(before)
    assert not unseen


async def under_way(service: Service, key: str, times: int = 1) -> None:
    async def count() -> int:
        return service.asked[key]

    await until(count, lambda seen: seen >= times)


async def test_many_who_miss_the_same_share_one_question(service: Service) -> None:
    remembered = memory(service)
    answers = await asyncio.gather(*(remembered.get("a") for _ in range(200)), remembered.get("b"))
    assert set(answers[:200]) == {"a as it was at first"}
    assert service.asked == {"a": 1, "b": 1}
    assert await remembered.get("a") == answers[0]
    assert service.asked["a"] == 1


async def test_a_question_has_not_the_deadline_of_whoever_came_first(service: Service) -> None:
    seen: list[float | None] = []

    async def ask(_key: str) -> str:
        seen.append(deadline.get())
        return "answer"

    async def hurried() -> str:
        deadline.set(1.0)
        return await memory(service, ask=ask).get("a")

    assert await asyncio.create_task(hurried()) == "answer"
    assert seen == [None]


FORGETTING: list[tuple[str, Callable[[Memory[str, str]], None]]] = [
    ("forget", lambda remembered: remembered.forget("a")),
    ("forget_where", lambda remembered: remembered.forget_where(lambda answer: answer.startswith("a"))),
    ("doubt_all", lambda remembered: remembered.doubt_all()),
]


@pytest.mark.parametrize("change", [change for _, change in FORGETTING], ids=[name for name, _ in FORGETTING])
async def test_an_answer_that_may_be_older_than_a_change_is_not_remembered(
    service: Service, change: Callable[[Memory[str, str]], None]
) -> None:
    remembered = memory(service)
    service.open.clear()
    early = asyncio.create_task(remembered.get("a"))
    await under_way(service, "a")
    service.says["a"] = "a as it is now"
    change(remembered)
    # Whoever comes after the change does not join a question from before it.
    late = asyncio.create_task(remembered.get("a"))
    await under_way(service, "a", 2)
    service.open.set()
    assert (await early, await late) == ("a as it was at first", "a as it is now")
    assert await remembered.get("a") == "a as it is now"
    assert service.asked["a"] == 2


@pytest.mark.parametrize("change", [change for _, change in FORGETTING], ids=[name for name, _ in FORGETTING])
async def test_what_has_changed_is_asked_for_again(
    service: Service, change: Callable[[Memory[str, str]], None]
) -> None:
    remembered = memory(service)
    await remembered.get("a")
    service.says["a"] = "a as it is now"
    change(remembered)
    assert await remembered.get("a") == "a as it is now"


async def test_a_change_that_is_known_already_forgets_nothing(service: Service) -> None:
    remembered = memory(service)
    await remembered.get("a")
    remembered.forget("a", unless=lambda answer: answer.endswith("first"))
    await remembered.get("a")
    assert service.asked["a"] == 1
    remembered.forget_where(lambda answer: answer.startswith("b"))
    await remembered.get("a")
    assert service.asked["a"] == 1


async def test_the_old_answer_serves_while_the_service_is_away_and_then_no_longer(service: Service) -> None:
    async def attempt(_: int) -> float:
        remembered = memory(service, fresh_seconds=lambda _answer: 0.0, stale_seconds=0.3)
        service.says.clear()
        began = time.monotonic()
        await remembered.get("a")
        service.says["a"] = AWAY

        async def look() -> str:
            try:
                return await remembered.get("a")
            except Fault as fault:
                return fault.code

        seen = await look()
        in_time = time.monotonic() - began < 0.3
        assert seen == "a as it was at first" or not in_time
        await until(look, lambda answer: answer == Code.UNAVAILABLE)
        took = time.monotonic() - began
        assert took >= 0.3
        assert len(remembered) == 0
        return took

    await within(0.7, attempt)


async def test_a_refusal_of_the_service_is_not_hidden_by_the_old_answer(service: Service) -> None:
    remembered = memory(service, fresh_seconds=lambda _answer: 0.0)
    await remembered.get("a")
    service.says["a"] = Fault(Code.NOT_FOUND, "It is gone")
    with pytest.raises(Fault, match="gone"):
        await remembered.get("a")


async def test_what_changed_while_nobody_answered_is_not_served_from_before(service: Service) -> None:
    remembered = memory(service, fresh_seconds=lambda _answer: 0.0, patience_seconds=0.1)
    await remembered.get("a")
    service.open.clear()
    waiting = asyncio.create_task(remembered.get("a"))
    await under_way(service, "a", 2)
    service.says["a"] = "a as it is now"
    remembered.forget("a")
    await under_way(service, "a", 3)  # its patience is over, and it asks anew
    service.open.set()
    assert await waiting == "a as it is now"


async def test_one_who_leaves_takes_the_answer_from_nobody(service: Service) -> None:
    remembered = memory(service)
    service.open.clear()
    first, *others = [asyncio.create_task(remembered.get("a")) for _ in range(10)]
    await under_way(service, "a")
    first.cancel()
    others.pop().cancel()
    service.open.set()
    assert set(await asyncio.gather(*others)) == {"a as it was at first"}
    assert first.cancelled()
    assert len(remembered) == 1
    assert service.asked["a"] == 1


async def test_an_answer_is_remembered_although_all_have_left(service: Service) -> None:
    remembered = memory(service)
    service.open.clear()
    only = asyncio.create_task(remembered.get("a"))
    await under_way(service, "a")
    only.cancel()
    await asyncio.wait([only])
    service.open.set()
    await remembered.get("a")
    assert service.asked["a"] == 1


async def test_a_crash_reaches_all_who_wait_and_is_not_remembered(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    remembered = memory(service)
    service.says["a"] = ZeroDivisionError("a defect")
    outcomes = await asyncio.gather(*(remembered.get("a") for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ZeroDivisionError}
    assert service.asked["a"] == 1
    assert len(remembered) == 0
    service.says["a"] = "well again"
    assert await remembered.get("a") == "well again"


@pytest.mark.parametrize("failure", [AWAY, ZeroDivisionError("a defect")], ids=["fault", "crash"])
async def test_a_failure_that_nobody_waits_for_any_more_is_noticed_when_it_is_a_defect(
    service: Service, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    remembered = memory(service)
    service.says["a"] = failure
    service.open.clear()
    only = asyncio.create_task(remembered.get("a"))
    await under_way(service, "a")
    only.cancel()
    await asyncio.wait([only])
    with caplog.at_level(logging.INFO):
        service.open.set()
        await asyncio.sleep(0.01)
    assert [record.levelname for record in caplog.records] == ([] if isinstance(failure, Fault) else ["ERROR"])


async def test_it_keeps_the_newest_and_never_more_than_it_may(service: Service) -> None:
    remembered = memory(service, entries=10)
    for number in range(1000):
        await remembered.get(f"key-{number}")
        assert len(remembered) <= 10
    for number in range(990, 1000):
        await remembered.get(f"key-{number}")
    assert service.asked.total() == 1000
    await asyncio.gather(*(remembered.get(f"more-{number}") for number in range(500)))
    assert len(remembered) == 10


async def test_an_answer_that_was_refreshed_is_among_the_newest(service: Service) -> None:
    remembered = memory(service, entries=3, fresh_seconds=lambda answer: 0.0 if answer.startswith("hot") else 60.0)
    await remembered.get("hot")
    for number in range(5):
        await remembered.get(f"cold-{number}")
        await remembered.get("hot")
    service.says["hot"] = AWAY
    assert await remembered.get("hot") == "hot as it was at first"


async def test_an_answer_in_use_is_renewed_before_anybody_has_to_wait(service: Service) -> None:
    remembered = memory(service)
    await remembered.get("a")
    service.says["a"] = "a as it is now"
    began = time.monotonic()
    assert remembered.fresh("a", began + 30) is not None
    assert service.asked["a"] == 1
    for _ in range(3):
        old = remembered.fresh("a", began + 55)
        assert old is not None
        assert old.value == "a as it was at first"
    await under_way(service, "a", 2)
    new = remembered.fresh("a", began + 59)
    assert new is not None
    assert new.value == "a as it is now"
    assert service.asked["a"] == 2


async def test_a_renewal_that_fails_costs_nobody_anything(service: Service) -> None:
    remembered = memory(service)
    await remembered.get("a")
    service.says["a"] = AWAY
    began = time.monotonic()
    assert remembered.fresh("a", began + 55) is not None
    await under_way(service, "a", 2)
    still = remembered.fresh("a", began + 55.5)
    assert still is not None
    assert still.value == "a as it was at first"
    assert remembered.fresh("a", began + 61) is None


async def test_what_has_changed_while_it_is_renewed_is_not_remembered(service: Service) -> None:
    remembered = memory(service)
    await remembered.get("a")
    service.open.clear()
    began = time.monotonic()
    assert remembered.fresh("a", began + 55) is not None
    await under_way(service, "a", 2)
    remembered.forget("a")
    service.says["a"] = "a as it is now"
    service.open.set()
    assert await remembered.get("a") == "a as it is now"
    assert remembered.fresh("a", began) is not None


async def test_not_everything_is_renewed_at_once(service: Service) -> None:
    remembered = memory(service)
    keys = [f"key {number}" for number in range(100)]
    await asyncio.gather(*(remembered.get(key) for key in keys))
    service.open.clear()
    began = time.monotonic()
    assert all(remembered.fresh(key, began + 55) for key in keys)
    await asyncio.sleep(0)
    assert sum(service.asked.values()) == 100 + 16
    service.open.set()


async def test_the_oldest_answer_makes_room(service: Service) -> None:
    remembered = memory(service, entries=3)
    for key in ("a", "b", "c"):
        await remembered.get(key)
    remembered.forget("a")
    await remembered.get("a")
    await remembered.get("d")
    assert len(remembered) == 3
    assert remembered.fresh("b", time.monotonic()) is None
    assert remembered.fresh("a", time.monotonic()) is not None
