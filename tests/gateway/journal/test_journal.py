"""A worker's journal and a real stream."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.redirect import writer as writers
from gateway.redirect.counts import JournalCollector
from gateway.redirect.journal import Journal
from gateway.redirect.shipper import Publish
from shared.bus import Bus
from shared.faults import Code, Fault
from shared.settings import Settings
from tests.gateway.journal.clicks import directories, settings, tokens_in, until, visit
from tests.gateway.journal.stream import Stream


@asynccontextmanager
async def running(chosen: Settings, publish: Publish) -> AsyncIterator[Journal]:
    journal = Journal(chosen, publish)
    journal.start()
    try:
        yield journal
    finally:
        await journal.close()


async def nowhere(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
    raise Fault(Code.UNAVAILABLE, "The stream cannot be reached right now")


def write(journal: Journal, first: int, last: int) -> list[str]:
    """The tokens of the clicks that the journal took."""
    return [token for token in (f"{number:06d}" for number in range(first, last)) if journal.append(visit(token))]


async def test_every_click_reaches_the_stream_once_and_in_order(tmp_path: Path, stream: Stream, bus: Bus) -> None:
    async with running(settings(tmp_path), bus.publish) as journal:
        taken = write(journal, 0, 3000)
        await until(lambda: journal.lag == 0)
    assert await stream.tokens() == taken
    assert len(taken) == 3000


async def test_a_lone_click_is_on_the_stream_within_a_tenth_of_a_second(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    took = []
    async with running(settings(tmp_path, ship_interval_seconds=0.1), bus.publish) as journal:
        for number in range(10):
            await asyncio.sleep(0.11)
            began = time.monotonic()
            write(journal, number, number + 1)
            await until(lambda: journal.lag == 0)
            took.append(time.monotonic() - began)
    # The machine may be busy with something else in many of them.
    assert sorted(took)[2] < 0.1


async def test_under_load_batches_fill_instead_of_carrying_a_click_each(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    async with running(settings(tmp_path, ship_batch_clicks=2000), bus.publish) as journal:
        began = time.monotonic()
        for number in range(400):
            write(journal, number * 5, number * 5 + 5)
            await asyncio.sleep(0.001)
        took = time.monotonic() - began
        await until(lambda: journal.lag == 0)
        # It looks every 20 ms, however long a busy machine takes to write 400 times.
        assert journal.counts.batches < max(100, took / 0.01)
    assert len(await stream.tokens()) == 2000


async def test_clicks_wait_while_the_stream_is_away_and_all_arrive_when_it_is_back(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    stream.start()
    try:
        await stream.make()
        async with stream.bus() as bus, running(settings(tmp_path), bus.publish) as journal:
            taken = write(journal, 0, 200)
            await until(lambda: journal.lag == 0)
            stream.stop()
            taken += write(journal, 200, 700)
            await until(lambda: journal.counts.retries >= 3)
            taken += write(journal, 700, 900)
            assert journal.counts.dropped == 0
            stream.start()
            await until(lambda: journal.lag == 0)
        assert await stream.tokens() == taken
        assert len(taken) == 900
    finally:
        stream.stop()


async def test_a_batch_that_was_not_acknowledged_in_time_is_sent_again_under_its_id(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    late = 0

    async def acknowledged_too_late(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        nonlocal late
        await bus.publish(subject, payload, message_id, timeout)
        late += 1
        if late <= 2:
            await asyncio.sleep(0.2)  # longer than the stream looks back for repeated ids
            raise Fault(Code.TIMEOUT, "The stream did not acknowledge in time")

    async with running(settings(tmp_path), acknowledged_too_late) as journal:
        taken = write(journal, 0, 20)
        await until(lambda: journal.lag == 0)
    messages = await stream.messages()
    assert len(messages) == 3
    assert len(set(messages)) == 1
    assert await stream.tokens() == taken


async def test_a_batch_acknowledged_but_not_settled_is_sent_again_unchanged(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    acknowledged = asyncio.Event()

    async def never_returns(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        await bus.publish(subject, payload, message_id, timeout)
        acknowledged.set()
        await asyncio.Event().wait()

    async with running(settings(tmp_path), never_returns) as journal:
        taken = write(journal, 0, 20)
        await acknowledged.wait()
        taken += write(journal, 20, 40)
    await asyncio.sleep(0.2)  # longer than the stream looks back for repeated ids

    async with running(settings(tmp_path), bus.publish) as journal:
        taken += write(journal, 40, 60)
        await until(lambda: journal.lag == 0)
    messages = await stream.messages()
    assert messages[0] == messages[1]
    assert tokens_in(messages[0][1]) == taken[:20]
    assert await stream.tokens() == taken


async def test_a_full_journal_drops_the_newest_clicks_and_counts_each(tmp_path: Path, stream: Stream, bus: Bus) -> None:
    away = True

    async def publish(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        if away:
            await nowhere(subject, payload, message_id, timeout)
        await bus.publish(subject, payload, message_id, timeout)

    cap = 100_000
    async with running(settings(tmp_path, journal_cap_bytes=cap, journal_segment_bytes=16_384), publish) as journal:
        taken = write(journal, 0, 1000)
        assert cap - 400 < journal.waiting <= cap
        assert 0 < len(taken) < 1000
        assert journal.counts.dropped_full == 1000 - len(taken)
        assert taken == [f"{number:06d}" for number in range(len(taken))]
        away = False
        await until(lambda: journal.lag == 0)
        taken += write(journal, 1000, 1100)
        await until(lambda: journal.lag == 0)
        assert journal.counts.dropped == 1100 - len(taken)
    assert await stream.tokens() == taken
    assert taken[-100:] == [f"{number:06d}" for number in range(1000, 1100)]


async def test_the_cap_counts_what_an_earlier_process_left(tmp_path: Path) -> None:
    chosen = settings(tmp_path, journal_cap_bytes=100_000)
    async with running(chosen, nowhere) as journal:
        left = len(write(journal, 0, 200))
        waiting = journal.waiting
    async with running(chosen, nowhere) as journal:
        assert journal.waiting == waiting
        assert left + len(write(journal, 200, 1000)) == left + 1000 - 200 - journal.counts.dropped_full
        assert 100_000 - 400 < journal.waiting <= 100_000


async def test_a_click_that_no_frame_can_hold_is_dropped_and_counted(tmp_path: Path) -> None:
    async with running(settings(tmp_path), nowhere) as journal:
        assert not journal.append(visit("x" * 70_000))
        assert not journal.append(visit("\udcff"))
        assert journal.counts.dropped_malformed == 2
        assert journal.append(visit("good"))


async def test_a_click_that_the_disk_refuses_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings(tmp_path), nowhere) as journal:
        write(journal, 0, 5)

        def full(fd: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            assert write(journal, 5, 15) == []
        assert len(write(journal, 15, 20)) == 5
        assert (journal.counts.dropped_disk, journal.counts.appended) == (10, 10)


async def test_a_closed_journal_takes_no_click(tmp_path: Path) -> None:
    async with running(settings(tmp_path), nowhere) as journal:
        pass
    assert not journal.append(visit("late"))
    assert journal.counts.dropped_disk == 1


async def test_what_was_written_is_forced_to_disk_within_the_interval_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = []
    real = os.fdatasync

    def counting(fd: int) -> None:
        forced.append(os.fstat(fd).st_size)
        real(fd)

    monkeypatch.setattr(writers, "sync_data", counting)
    async with running(settings(tmp_path, journal_sync_seconds=0.05), nowhere) as journal:
        await asyncio.sleep(0.2)
        assert forced == []
        began = time.monotonic()
        written = 0
        async with asyncio.timeout(30):
            # A disk may take longer each time than there is to be between two of them.
            while written < 20 or len(forced) < 4:
                written += len(write(journal, written, written + 1))
                await asyncio.sleep(0.02)
        await until(lambda: forced[-1:] == [journal.counts.appended_bytes])
        assert 4 <= len(forced) <= (time.monotonic() - began) / 0.05 + 1
        await until(lambda: journal.counts.syncs == len(forced))
        await asyncio.sleep(0.2)
        assert journal.counts.syncs == len(forced)


async def test_draining_ships_everything_and_an_empty_journal_leaves_no_directory(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    chosen = settings(tmp_path, ship_interval_seconds=10.0)
    async with running(chosen, bus.publish) as journal:
        taken = write(journal, 0, 500)
        await journal.drain(20)
        assert journal.lag == 0
    assert await stream.tokens() == taken
    assert directories(chosen) == []


async def test_draining_ends_in_time_and_leaves_the_rest_for_the_next_process(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    async with running(settings(tmp_path), nowhere) as journal:
        taken = write(journal, 0, 500)
        began = time.monotonic()
        await journal.drain(0.3)
        # Otherwise it would never end.
        assert time.monotonic() - began < 10
    async with running(settings(tmp_path), bus.publish) as journal:
        await until(lambda: journal.lag == 0)
    assert await stream.tokens() == taken


async def test_the_journal_of_a_dead_worker_is_shipped_by_a_living_one_and_removed(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    chosen = settings(tmp_path)
    async with running(chosen, bus.publish) as living:
        async with running(chosen, nowhere) as dead:
            taken = write(dead, 0, 300)
        await until(lambda: living.counts.adopted == 1)
        assert living.lag == 0
        assert directories(chosen) == [living.id]
    assert await stream.tokens() == taken
    assert all(batch.startswith(dead.id) for batch in await stream.batches())


async def test_of_many_workers_exactly_one_adopts_each_journal(tmp_path: Path, stream: Stream, bus: Bus) -> None:
    chosen = settings(tmp_path, journal_adopt_seconds=0.01)
    dead = [Journal(chosen, nowhere) for _ in range(5)]
    living = [Journal(chosen, bus.publish) for _ in range(4)]
    for journal in living:
        journal.start()
    taken = []
    for number, journal in enumerate(dead):
        taken += write(journal, number * 100, number * 100 + 100)
        await journal.close()
    try:
        await until(lambda: sum(journal.counts.adopted for journal in living) == 5)
        assert directories(chosen) == sorted(journal.id for journal in living)
    finally:
        for journal in living:
            await journal.close()
    messages = await stream.messages()
    assert sorted(token for _, payload in messages for token in tokens_in(payload)) == taken


async def test_an_unexpected_error_of_the_publisher_does_not_end_the_shipping(
    tmp_path: Path, stream: Stream, bus: Bus
) -> None:
    calls = 0

    async def breaks_once(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("not foreseen")
        await bus.publish(subject, payload, message_id, timeout)

    async with running(settings(tmp_path), breaks_once) as journal:
        taken = write(journal, 0, 20)
        await until(lambda: journal.lag == 0)
    assert await stream.tokens() == taken


async def test_prometheus_reads_what_the_journal_has_done(tmp_path: Path, stream: Stream, bus: Bus) -> None:
    registry = CollectorRegistry()
    async with running(settings(tmp_path), bus.publish) as journal:
        registry.register(JournalCollector(journal.counts, lambda: journal.lag, 1 << 20))
        write(journal, 0, 60)
        journal.append(visit("x" * 70_000))
        assert registry.get_sample_value("waypost_journal_lag_bytes") == journal.lag > 0
        await until(lambda: journal.counts.shipped == 60)
        assert registry.get_sample_value("waypost_journal_appended_total") == 60
        assert registry.get_sample_value("waypost_journal_shipped_total") == 60
        assert registry.get_sample_value("waypost_journal_batches_total") == 2
        assert registry.get_sample_value("waypost_journal_dropped_total", {"reason": "malformed"}) == 1
        assert registry.get_sample_value("waypost_journal_lag_bytes") == 0
