"""What the streams promise, as the server itself tells it."""

import asyncio
import contextlib
import json
import urllib.request

import msgspec
import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from shared import bus as buses
from shared.bus import EVENTS_STREAM, PASSING_STREAM, Bus, Delivery, Puller
from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT, LIVE_STREAM
from shared.faults import Code, Fault
from shared.ids import new
from shared.settings import Settings
from tests.shared.nats_server import NatsServer
from tests.shared.waiting import fault_of, until


async def config_of(bus: Bus, stream: str) -> StreamConfig:
    return (await bus._stream.stream_info(stream)).config


async def test_events_are_kept_on_disk_for_a_week_and_repeated_ones_are_recognised(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        config = await config_of(bus, EVENTS_STREAM)
    assert config.subjects == ["events.>"]
    assert (config.storage, config.retention) == (StorageType.FILE, RetentionPolicy.LIMITS)
    assert (config.max_age, config.duplicate_window, config.num_replicas) == (7 * 86_400, 120, 1)


async def test_clicks_wait_on_disk_for_whoever_works_them_off_and_a_full_stream_refuses(
    nats_server: NatsServer,
) -> None:
    settings = Settings(nats_url=nats_server.url, clicks_stream_bytes=1_048_576)
    async with buses.connect(settings) as bus:
        await bus.ensure_streams()
        config = await config_of(bus, CLICKS_STREAM)
        assert config.subjects == [CLICKS_SUBJECT]
        assert (config.storage, config.retention) == (StorageType.FILE, RetentionPolicy.WORK_QUEUE)
        assert (config.discard, config.max_bytes, config.duplicate_window) == (DiscardPolicy.NEW, 1_048_576, 120)
        for _ in range(2):
            await bus.publish(CLICKS_SUBJECT, b"x" * 500_000, new(), 2)
        with pytest.raises(Fault) as caught:
            await bus.publish(CLICKS_SUBJECT, b"x" * 500_000, new(), 2)
        assert caught.value.code is Code.UNAVAILABLE
        assert (await bus._stream.stream_info(CLICKS_STREAM)).state.messages == 2


async def test_what_is_only_passing_is_kept_until_it_is_taken_in_and_a_full_stream_refuses(
    nats_server: NatsServer,
) -> None:
    settings = Settings(nats_url=nats_server.url, passing_stream_bytes=65_536)
    async with buses.connect(settings) as bus:
        await bus.ensure_streams()
        config = await config_of(bus, PASSING_STREAM)
        assert config.subjects == ["passing.>"]
        assert (config.storage, config.retention) == (StorageType.FILE, RetentionPolicy.WORK_QUEUE)
        assert (config.discard, config.max_bytes, config.max_age) == (DiscardPolicy.NEW, 65_536, 7 * 86_400)
        await bus.publish("passing.echo.rang", b"x" * 50_000, new(), 2)
        with pytest.raises(Fault) as caught:
            await bus.publish("passing.echo.rang", b"x" * 50_000, new(), 2)
        assert caught.value.code is Code.UNAVAILABLE
        puller = await bus.pull(PASSING_STREAM, "ear", "passing.echo.rang", deliveries=-1, ack_wait=5)
        (delivery,) = await puller.fetch(10, 10)
        await delivery.done()
        await until(lambda: _empty(bus))
        await bus.publish("passing.echo.rang", b"x" * 50_000, new(), 2)
        await puller.close()


async def _empty(bus: Bus) -> bool:
    return (await bus._stream.stream_info(PASSING_STREAM)).state.messages == 0


async def test_a_message_with_the_same_id_is_kept_once_even_over_a_restart(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        await bus.publish("events.echo.rang", b"1", "same-id", 2)
        await bus.publish("events.echo.rang", b"1", "same-id", 2)
        nats_server.kill()
        nats_server.start()
        await until(lambda: bus.connected)
        await bus.ensure_streams()
        await bus.publish("events.echo.rang", b"1", "same-id", 2)
        assert (await bus._stream.stream_info(EVENTS_STREAM)).state.messages == 1


async def test_settings_that_have_changed_are_taken_over_and_everyone_may_make_the_streams_at_once(
    nats_server: NatsServer,
) -> None:
    settings = Settings(nats_url=nats_server.url)
    changed = msgspec.structs.replace(settings, events_keep_seconds=60.0)
    async with buses.connect(settings) as bus:
        await asyncio.gather(*(bus.ensure_streams() for _ in range(8)))
        await bus.publish("events.echo.rang", b"1", new(), 2)
        async with buses.connect(changed) as later:
            await later.ensure_streams()
        config = await config_of(bus, EVENTS_STREAM)
        assert (config.max_age, config.duplicate_window) == (60, 60)
        assert (await bus._stream.stream_info(EVENTS_STREAM)).state.messages == 1


async def waits(puller: Puller) -> bool:
    return (await puller.backlog()).pending > 0


async def test_a_durable_consumer_is_brought_up_to_date(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        for deliveries, wait in ((3, 30.0), (-1, 5.0)):
            puller = await bus.pull(EVENTS_STREAM, "late", "events.echo.rang", deliveries=deliveries, ack_wait=wait)
            config = (await bus._stream.consumer_info(EVENTS_STREAM, "late")).config
            assert (config.max_deliver, config.ack_wait) == (deliveries, wait)
        await bus.publish("events.echo.rang", b"1", new(), 2)
        # The consumer hears of a message a moment after whoever published it.
        await until(lambda: waits(puller))
        [delivery] = await puller.fetch(10, 10)
        assert (delivery.data, delivery.times) == (b"1", 1)
        await delivery.later(0)
        [delivery] = await puller.fetch(10, 10)
        assert delivery.times == 2
        await delivery.done()
        assert await puller.fetch(10, 0.1) == []


async def test_what_is_shown_live_is_kept_in_memory_and_the_oldest_gives_way(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url, live_stream_bytes=1_048_576, live_keep_seconds=60.0)
    async with buses.connect(settings) as bus:
        await bus.ensure_streams()
        config = await config_of(bus, LIVE_STREAM)
        assert (config.storage, config.discard) == (StorageType.MEMORY, DiscardPolicy.OLD)
        assert (config.max_bytes, config.max_age, config.duplicate_window) == (1_048_576, 60, 60)
        for _ in range(4):
            await bus.publish("live.here.live", b"x" * 400_000, new(), 2)
        extent = await bus.extent(LIVE_STREAM)
        assert (extent.first, extent.next) == (3, 5)


async def test_a_follower_reads_its_subject_from_a_place_on_and_leaves_nothing_behind(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        for number in range(6):
            await bus.publish(f"live.{number % 2}.live", b"%d" % number, new(), 2)
        follower = await bus.follow(LIVE_STREAM, "live.1.live", 3, forget_seconds=30)
        seen = [await follower.next(10), await follower.next(10)]
        assert [(each.data, each.number) for each in seen if each] == [(b"3", 4), (b"5", 6)]
        assert await follower.next(0.1) is None
        await follower.close()
        assert (await bus._stream.stream_info(LIVE_STREAM)).state.consumer_count == 0


async def test_a_follower_says_when_it_may_have_missed_something_and_a_lost_stream_is_made_anew(
    nats_server: NatsServer,
) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        await bus.publish("live.here.live", b"1", new(), 2)
        before = await bus.extent(LIVE_STREAM)
        follower = await bus.follow(LIVE_STREAM, "live.here.live", before.next, forget_seconds=30)
        nats_server.kill()
        nats_server.start()
        await until(lambda: bus._client.stats["reconnects"])
        fault, _ = await fault_of(follower.next(0.2))
        assert fault.code is Code.UNAVAILABLE
        after = await bus.extent(LIVE_STREAM)
        assert after.epoch > before.epoch
        assert (after.first, after.next) == (1, 1)


async def test_pulling_from_a_server_that_is_away_is_unavailable_at_once(nats_server: NatsServer) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        puller = await bus.pull(EVENTS_STREAM, "away", "events.echo.rang", deliveries=-1, ack_wait=5)
        nats_server.kill()
        await until(lambda: not bus.connected)
        fault, seconds = await fault_of(puller.fetch(10, 5))
    assert fault.code is Code.UNAVAILABLE
    # Well before its time is over.
    assert seconds < 4


async def test_a_server_that_comes_back_with_an_empty_disk_gets_its_streams_and_consumers_again(
    nats_server: NatsServer,
) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        puller = await bus.pull(EVENTS_STREAM, "patient", "events.echo.rang", deliveries=-1, ack_wait=5)
        nats_server.kill()
        nats_server.forget()
        nats_server.start()
        await until(lambda: bus.connected)
        assert await delivered(bus, puller) == [b"1"]


async def test_streams_that_somebody_deletes_are_made_again_when_there_is_something_to_keep(
    nats_server: NatsServer,
) -> None:
    async with buses.connect(Settings(nats_url=nats_server.url)) as bus:
        await bus.ensure_streams()
        puller = await bus.pull(EVENTS_STREAM, "patient", "events.echo.rang", deliveries=-1, ack_wait=5)
        for stream in (EVENTS_STREAM, CLICKS_STREAM):
            await bus._stream.delete_stream(stream)
        fault, _ = await fault_of(bus.publish("events.echo.rang", b"0", new(), 2))
        assert fault.code is Code.UNAVAILABLE
        assert await delivered(bus, puller) == [b"1"]


async def test_what_mends_the_streams_leaves_newer_settings_alone(nats_server: NatsServer) -> None:
    settings = Settings(nats_url=nats_server.url)
    async with buses.connect(settings) as bus, buses.connect(settings) as watcher:
        await bus.ensure_streams()
        async with buses.connect(msgspec.structs.replace(settings, events_keep_seconds=60.0)) as newer:
            await newer.ensure_streams()
        mended = asyncio.Event()
        bus.on_gap(mended.set)
        nats_server.kill()
        await until(lambda: not bus.connected)
        nats_server.start()
        await mended.wait()
        assert bus._mending
        await asyncio.wait([bus._mending])
        await until(lambda: watcher.connected)
        assert (await config_of(watcher, EVENTS_STREAM)).max_age == 60


async def delivered(bus: Bus, puller: Puller) -> list[bytes]:
    """What comes out of the stream after one message has gone in, both tried until they succeed."""
    message = new()

    async def goes_in() -> bool:
        with contextlib.suppress(Fault):
            await bus.publish("events.echo.rang", b"1", message, 2)
            return True
        return False

    async def comes_out() -> list[Delivery]:
        with contextlib.suppress(Fault):
            arrived.extend(await puller.fetch(10, 0.2))
        return arrived

    arrived: list[Delivery] = []
    await until(goes_in)
    await until(comes_out)
    return [delivery.data for delivery in arrived]


def test_every_acknowledged_message_is_synced_to_disk(nats_server: NatsServer) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{nats_server.monitor}/jsz?config=true") as answer:
        assert json.load(answer)["config"]["sync_always"] is True
