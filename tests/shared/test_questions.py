"""Asking and answering: side by side, never too late, never telling the inside."""

import asyncio
import io
import logging
import statistics
import time

import msgspec
import pytest

from shared import context, ids
from shared.bus import Bus
from shared.faults import Code, Fault
from shared.log import JsonFormatter
from shared.settings import Settings
from tests.client import within
from tests.shared.conftest import answering
from tests.shared.echo import Crash, Echo, Large, Look, LookFurther, Meet, Promised, Refuse, Slow, WaitFurther
from tests.shared.waiting import fault_of, until


async def test_200_slow_questions_run_side_by_side(bus: Bus, echo: Echo) -> None:
    answers = await asyncio.gather(*(bus.ask(Meet(name=str(n), number=200), timeout=20) for n in range(200)))
    assert answers == ["one"] * 200
    assert sorted(echo.begun, key=int) == [str(n) for n in range(200)]


async def test_a_full_service_says_so_at_once_and_answers_all_that_it_took(bus: Bus, settings: Settings) -> None:
    narrow = msgspec.structs.replace(settings, bus_concurrency=8, bus_backlog=24)
    copy = Echo(bus)
    outcomes: list[tuple[str, Fault | None]] = []

    async def ask(name: str) -> None:
        try:
            await bus.ask(Slow(name=name, seconds=1), timeout=20)
        except Fault as fault:
            outcomes.append((name, fault))
        else:
            outcomes.append((name, None))

    async with answering(bus, narrow, copy.answerers):
        await asyncio.gather(*(ask(str(n)) for n in range(100)))
    # The refusals come before the first answer, so nobody has waited for one.
    refused = [fault for _, fault in outcomes[:68] if fault]
    taken = [name for name, fault in outcomes[68:] if fault is None]
    assert (len(refused), len(taken)) == (68, 32)
    assert {(fault.code, fault.message, fault.retry_after) for fault in refused} == {
        (Code.UNAVAILABLE, "The echo service is full right now", 1)
    }
    assert sorted(copy.begun) == sorted(copy.finished) == sorted(taken)
    assert copy.side_by_side == 8


async def test_a_question_whose_time_runs_out_in_the_queue_is_not_executed(bus: Bus, settings: Settings) -> None:
    narrow = msgspec.structs.replace(settings, bus_concurrency=1)
    copy = Echo(bus)
    async with answering(bus, narrow, copy.answerers):
        first = asyncio.create_task(bus.ask(Slow(name="first", seconds=0.5)))
        await until(lambda: copy.begun)
        fault, _ = await fault_of(bus.ask(Slow(name="second", seconds=0), timeout=0.2))
        assert await first == "one"
        assert await bus.ask(Slow(name="third", seconds=0)) == "one"
    assert fault.code is Code.TIMEOUT
    assert copy.begun == ["first", "third"]


async def test_work_that_takes_too_long_is_ended_at_the_deadline(bus: Bus, echo: Echo) -> None:
    async def attempt(_: int) -> float:
        fault, seconds = await fault_of(bus.ask(Slow(name="endless", seconds=60), timeout=0.4))
        assert fault.code is Code.TIMEOUT
        assert seconds > 0.1
        return seconds

    await within(0.7, attempt)
    await until(lambda: echo.side_by_side >= 1)
    assert set(echo.begun) == {"endless"}
    assert echo.finished == []
    assert await bus.ask(Slow(seconds=0)) == "one"


async def test_a_crash_tells_the_caller_nothing_and_the_log_everything(bus: Bus, echo: Echo) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter("echo"))
    logging.getLogger("shared.answering").addHandler(handler)
    token = context.request_id.set("the-request")
    try:
        fault, _ = await fault_of(bus.ask(Crash(secret="hunter2")))
    finally:
        context.request_id.reset(token)
        logging.getLogger("shared.answering").removeHandler(handler)
    assert (fault.code, fault.message) == (Code.INTERNAL, "Something went wrong here; it has been logged")
    assert fault.details == ()
    line = msgspec.json.decode(written.getvalue())
    assert (line["request"], line["question"], line["level"]) == ("the-request", "Crash", "error")
    assert "RuntimeError: the inside knows hunter2" in line["exception"]


async def test_a_fault_arrives_as_it_was_raised(bus: Bus, echo: Echo) -> None:
    fault, _ = await fault_of(bus.ask(Refuse(message="Zu viel\nauf einmal: ☃")))
    assert (fault.code, fault.message, fault.retry_after) == (Code.LIMITED, "Zu viel\nauf einmal: ☃", 7)
    assert fault.details == (
        {"field": "slug", "message": "is taken"},
        {"field": "url", "message": "führt nirgendwohin"},
    )


async def test_without_a_service_a_question_is_refused_within_50_ms(bus: Bus) -> None:
    faults = [await fault_of(bus.ask(Look())) for _ in range(20)]
    assert {fault.code for fault, _ in faults} == {Code.UNAVAILABLE}
    assert statistics.median(seconds for _, seconds in faults) < 0.05


async def test_the_request_id_goes_all_the_way(bus: Bus, echo: Echo) -> None:
    token = context.request_id.set(ids.new())
    seen = await bus.ask(LookFurther())
    assert seen.request == context.request_id.get()
    context.request_id.reset(token)


async def test_a_question_without_a_request_id_gets_one(bus: Bus, echo: Echo) -> None:
    first, second = await bus.ask(LookFurther()), await bus.ask(LookFurther())
    assert ids.valid(first.request)
    assert first.request != second.request


async def test_a_question_asked_on_behalf_of_another_never_outlives_it(bus: Bus, echo: Echo) -> None:
    before = time.time()
    seen = await bus.ask(LookFurther(), timeout=0.7)
    assert before + 0.6 < seen.deadline < time.time() + 0.8


async def test_a_slow_neighbour_costs_no_more_than_the_time_there_was(bus: Bus, echo: Echo) -> None:
    async def attempt(_: int) -> float:
        fault, seconds = await fault_of(bus.ask(WaitFurther(seconds=60), timeout=0.4))
        assert fault.code is Code.TIMEOUT
        assert seconds > 0.1
        return seconds

    await within(0.7, attempt)


async def test_a_question_whose_time_is_over_is_not_even_sent(bus: Bus, echo: Echo) -> None:
    token = context.deadline.set(time.time() - 1)
    fault, _ = await fault_of(bus.ask(Slow(name="late")))
    context.deadline.reset(token)
    assert fault.code is Code.TIMEOUT
    assert echo.begun == []


async def test_a_question_without_a_deadline_gets_the_usual_one(bus: Bus, settings: Settings) -> None:
    brief = msgspec.structs.replace(settings, ask_timeout_seconds=0.2)
    copy = Echo(bus)
    async with answering(bus, brief, copy.answerers):
        reply = await bus._client.request(
            "echo.slow", msgspec.msgpack.encode(Slow(name="bare", seconds=60)), timeout=10
        )
    assert reply.headers
    assert reply.headers["Nats-Service-Error-Code"] == Code.TIMEOUT.value
    assert copy.finished == []


async def test_a_question_that_cannot_be_read_is_an_internal_fault(bus: Bus, echo: Echo) -> None:
    for bytes_ in (b"", b"\xc1", msgspec.msgpack.encode({"seconds": "soon"})):
        reply = await bus._client.request("echo.slow", bytes_, timeout=10)
        assert reply.headers
        assert reply.headers["Nats-Service-Error-Code"] == Code.INTERNAL.value
    assert echo.begun == []


@pytest.mark.parametrize("header", ["", "soon", "nan", "inf", "-1", "1e999"])
async def test_a_senseless_deadline_does_not_lengthen_the_work(bus: Bus, settings: Settings, header: str) -> None:
    brief = msgspec.structs.replace(settings, ask_timeout_seconds=0.1)
    copy = Echo(bus)
    async with answering(bus, brief, copy.answerers):
        question = msgspec.msgpack.encode(Slow(name="odd", seconds=60))
        await bus._client.publish("echo.slow", question, headers={"Waypost-Deadline": header})
        assert await bus.ask(Slow(name="even", seconds=0.2)) == "one"
        assert copy.side_by_side <= 2
    assert copy.finished == ["even"]


async def test_an_answer_of_the_wrong_kind_is_an_internal_fault(bus: Bus, echo: Echo) -> None:
    fault, _ = await fault_of(bus.ask(Promised()))
    assert fault.code is Code.INTERNAL


async def test_an_answer_that_is_too_large_is_an_internal_fault_at_once(bus: Bus, echo: Echo) -> None:
    text = await bus.ask(Large(letters=1_000_000))
    assert len(text) == 1_000_000
    fault, seconds = await fault_of(bus.ask(Large(letters=10_000_000), timeout=10))
    assert fault.code is Code.INTERNAL
    # Well before its time is over.
    assert seconds < 8


async def test_a_question_that_is_too_large_says_so(bus: Bus, echo: Echo) -> None:
    fault, _ = await fault_of(bus.ask(Large(padding="x" * 10_000_000)))
    assert fault.code is Code.TOO_LARGE
