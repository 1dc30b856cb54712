"""NATS goes away and comes back, and nobody has to do anything about it."""

import asyncio
import signal
import statistics
import time

import pytest

from shared import bus as buses
from shared.answering import Answering
from shared.contracts.ask import subject_of
from shared.encoding import encode
from shared.faults import Code, Fault
from shared.ids import new
from shared.settings import Settings
from tests.client import within
from tests.shared.echo import Echo, Look, Rang, Slow
from tests.shared.nats_server import NatsServer
from tests.shared.waiting import fault_of, until


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_questions_and_events_work_again_when_nats_is_back(nats_server: NatsServer, how: signal.Signals) -> None:
    settings = Settings(nats_url=nats_server.url)
    gaps: list[str] = []
    heard: list[int] = []
    async with buses.connect(settings) as ours, buses.connect(settings) as theirs:
        await ours.ensure_streams()
        ours.on_gap(lambda: gaps.append("ours"))
        theirs.on_gap(lambda: gaps.append("theirs"))
        await ours.hear(Rang, lambda event: heard.append(event.number))
        answering = Answering(theirs, settings, "echo", Echo(theirs).answerers)
        await answering.start()
        assert await ours.ask(Slow(seconds=0)) == "one"

        nats_server.process.send_signal(how)
        nats_server.kill()
        await until(lambda: not ours.connected)
        faults = [await fault_of(ours.ask(Look())) for _ in range(20)]
        assert {fault.code for fault, _ in faults} == {Code.UNAVAILABLE}
        assert statistics.median(seconds for _, seconds in faults) < 0.05
        assert gaps == []
        fault, _ = await fault_of(ours.publish(subject_of(Rang), encode(Rang(number=0)), new(), 1))
        assert fault.code is Code.UNAVAILABLE

        nats_server.start()
        await until(lambda: len(gaps) == 2)
        assert await ours.ask(Slow(seconds=0)) == "one"
        await theirs.publish(subject_of(Rang), encode(Rang(number=1)), new(), 2)
        await until(lambda: heard == [1])
        await answering.stop()
    assert sorted(gaps) == ["ours", "theirs"]


async def test_nats_may_go_and_come_back_any_number_of_times(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url)
    gaps: list[int] = []
    async with buses.connect(settings) as bus:
        answering = Answering(bus, settings, "echo", Echo(bus).answerers)
        await answering.start()
        bus.on_gap(lambda: gaps.append(1))
        for _ in range(5):
            gaps.clear()
            nats_server.kill()
            await until(lambda: not bus.connected)
            nats_server.start()
            await until(lambda: gaps)
            assert await bus.ask(Slow(seconds=0)) == "one"
        await answering.stop()


async def test_a_defect_in_one_gap_callback_does_not_keep_the_others_from_being_called(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        called: list[str] = []

        def broken() -> None:
            raise RuntimeError("a defect")

        bus.on_gap(broken)
        bus.on_gap(lambda: called.append("second"))
        nats_server.kill()
        await until(lambda: not bus.connected)
        nats_server.start()
        await until(lambda: called == ["second"])
        await until(lambda: bus.connected)


async def test_a_hung_nats_costs_a_question_its_time_and_no_more(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url)
    async with buses.connect(settings) as bus:
        answering = Answering(bus, settings, "echo", Echo(bus).answerers)
        await answering.start()
        nats_server.process.send_signal(signal.SIGSTOP)

        async def attempt(_: int) -> float:
            began = time.monotonic()
            faults = await asyncio.gather(*(bus.ask(Look(), timeout=0.5) for _ in range(50)), return_exceptions=True)
            took = time.monotonic() - began
            assert {fault.code for fault in faults if isinstance(fault, Fault)} == {Code.TIMEOUT}
            assert took > 0.2
            return took

        await within(0.8, attempt)
        nats_server.process.send_signal(signal.SIGCONT)
        assert await bus.ask(Slow(seconds=0)) == "one"
        await answering.stop()


async def test_stopping_does_not_wait_for_a_nats_that_is_away(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url)

    async def attempt(_: int) -> float:
        async with buses.connect(settings) as bus:
            answering = Answering(bus, settings, "echo", Echo(bus).answerers)
            await answering.start()
            nats_server.kill()
            await until(lambda: not bus.connected)
            began = time.monotonic()
            await answering.stop()
        took = time.monotonic() - began
        nats_server.start()
        return took

    await within(1, attempt)


async def test_stopping_does_not_wait_for_a_nats_that_hangs(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url, ask_timeout_seconds=0.5)

    async def attempt(_: int) -> float:
        async with buses.connect(settings) as bus:
            answering = Answering(bus, settings, "echo", Echo(bus).answerers)
            await answering.start()
            nats_server.process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            await answering.stop()
        took = time.monotonic() - began
        nats_server.process.send_signal(signal.SIGCONT)
        return took

    await within(2, attempt)


async def test_a_connection_that_the_server_has_sent_away_is_known_to_be_closed(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        closed = asyncio.create_task(bus.closed())
        assert bus._client._transport
        bus._client._transport.write(b"NONSENSE\r\n")
        await asyncio.wait_for(closed, 20)
        fault, seconds = await fault_of(bus.ask(Look()))
    assert fault.code is Code.UNAVAILABLE
    # At once, and not when its time is over.
    assert seconds < 1.5


async def test_whoever_starts_before_nats_waits_for_it(nats_server: NatsServer) -> None:
    nats_server.kill()

    async def ask() -> str:
        settings = Settings(nats_url=nats_server.url)
        async with buses.connect(settings) as bus:
            await bus.ensure_streams()
            answering = Answering(bus, settings, "echo", Echo(bus).answerers)
            await answering.start()
            answer = await bus.ask(Slow(seconds=0))
            await answering.stop()
            return answer

    waiting = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    assert not waiting.done()
    nats_server.start()
    assert await asyncio.wait_for(waiting, 20) == "one"
