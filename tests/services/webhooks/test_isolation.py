"""One endpoint is no concern of another's, and one copy's end is no concern of the deliveries."""

import asyncio
import signal
import statistics
import time
from collections import Counter

from tests.client import within
from tests.services.webhooks import receiver as receivers
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.desk import Desk
from tests.services.webhooks.receiver import Receiver, receiving
from tests.shared.waiting import until

OTHERS = 10
EVENTS = 200
EVENTS_PER_SECOND = 25
# Whoever hangs does so for the whole test: what is given up would be sent once more, beside what still hangs.
ENDLESS = {"webhook_timeout_seconds": 3_000, "webhook_lease_seconds": 3_600, "stop_timeout_seconds": 3}


async def waits(desk: Desk, receiver: Receiver) -> list[float]:
    """Seconds from the commit of each delivery to its arrival, at a steady rate over several endpoints."""
    endpoints = [await desk.register(receiver.url) for _ in range(OTHERS)]
    committed: dict[str, float] = {}
    receiver.received.clear()
    began = time.time()
    for number in range(EVENTS):
        await asyncio.sleep(max(0.0, began + number / EVENTS_PER_SECOND - time.time()))
        (message,) = await desk.deliver(endpoints[number % OTHERS].id)
        committed[message] = time.time()
    await receiver.until(EVENTS, 60)
    assert Counter(receiver.ids) == Counter(list(committed))
    return [received.at.timestamp() - committed[received.id] for received in receiver.received]


async def p95(desk: Desk, receiver: Receiver) -> float:
    return statistics.quantiles(await waits(desk, receiver), n=20)[-1]


async def test_an_endpoint_that_hangs_with_much_to_send_does_not_slow_the_others(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.hangs) as hung, receiving() as receiver, copies(**ENDLESS):
        stuck = await desk.register(hung.url)
        await desk.deliver(stuck.id, 500)
        await until(lambda: hung.under_way == 4)
        await within(2, lambda _: p95(desk, receiver))
        assert hung.most_under_way == 4
        await desk.forget(stuck.id)


async def test_sixty_endpoints_of_one_workspace_that_hang_do_not_slow_the_others(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.hangs) as hung, receiving() as receiver, copies(1, webhook_attempts=100, **ENDLESS):
        stuck = [await desk.register(hung.url, workspace="hangs") for _ in range(60)]
        for endpoint in stuck:
            await desk.deliver(endpoint.id, 10)
        await until(lambda: hung.under_way == 25)
        await within(2, lambda _: p95(desk, receiver))
        assert hung.most_under_way == 25
        for endpoint in stuck:
            await desk.forget(endpoint.id)


async def test_sixty_endpoints_that_are_known_to_hang_do_not_slow_the_others(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.hangs) as hung, receiving() as receiver, copies(1, webhook_attempts=100, **ENDLESS):
        stuck = [await desk.register(hung.url) for _ in range(60)]
        for endpoint in stuck:
            await desk.fail(endpoint.id)
            await desk.deliver(endpoint.id, 10)
        await until(lambda: hung.under_way == 50)
        await within(2, lambda _: p95(desk, receiver))
        assert hung.most_under_way == 50
        for endpoint in stuck:
            await desk.forget(endpoint.id)


async def test_an_endpoint_that_is_deleted_while_it_is_sent_to_harms_nobody(copies: Copies, desk: Desk) -> None:
    let = asyncio.Event()
    async with receiving(receivers.when(let)) as receiver, copies() as (copy,):
        gone, kept = await desk.register(receiver.url), await desk.register(receiver.url)
        await desk.deliver(gone.id, 10)
        await receiver.until(4)
        await desk.forget(gone.id)
        let.set()
        await until(lambda: receiver.under_way == 0)
        await asyncio.sleep(0.5)
        await desk.deliver(kept.id)
        await until(lambda: desk.settled(kept.id))
        assert not copy.ended
        assert len(receiver.received) == 5


async def test_a_copy_that_stops_finishes_what_is_under_way_and_begins_nothing(copies: Copies, desk: Desk) -> None:
    let = asyncio.Event()
    async with receiving(receivers.when(let)) as receiver, copies() as (copy,):
        endpoint = await desk.register(receiver.url)
        committed = await desk.deliver(endpoint.id, 20)
        await receiver.until(4)
        stopping = asyncio.create_task(copy.stop())
        await copy.until_says("The end of 4 attempts is awaited")
        let.set()
        assert await stopping == 0
        assert len(receiver.received) == 4
        assert await desk.states(endpoint.id) == {"delivered": 4, "pending": 16}
        receiver.script = receivers.ok
        await copy.start_serving()
        await until(lambda: desk.settled(endpoint.id))
    assert Counter(receiver.ids) == Counter(committed)


async def test_what_a_stopping_copy_cannot_finish_is_given_back_at_once(copies: Copies, desk: Desk) -> None:
    # It would wait for an answer, and whoever comes next for the end of its claim, for longer than this test does.
    async with receiving(receivers.hangs) as receiver, copies(1, **ENDLESS) as (copy,):
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await receiver.until(1)
        assert await copy.stop() == 0
        assert await desk.states(endpoint.id) == {"pending": 1}
        assert not await desk.attempts(message)
        receiver.script = receivers.ok
        await copy.start_serving()
        await until(lambda: desk.settled(endpoint.id), 60)
    assert receiver.ids == [message] * 2


async def test_copies_that_are_restarted_one_by_one_send_everything_once(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.takes(0.02)) as receiver, copies(2) as both:
        endpoints = [await desk.register(receiver.url) for _ in range(10)]
        committed = []
        for copy in both * 2:
            committed += [message for each in endpoints for message in await desk.deliver(each.id, 25)]
            assert await copy.stop(signal.SIGTERM) == 0
            await copy.start_serving()
        for endpoint in endpoints:
            await until(lambda endpoint=endpoint: desk.settled(endpoint.id), 30)  # type: ignore[misc]
    assert Counter(receiver.ids) == Counter(committed)


async def test_a_copy_that_slept_through_its_claims_changes_nothing_when_it_wakes(copies: Copies, desk: Desk) -> None:
    let = asyncio.Event()
    async with receiving(receivers.when(let)) as receiver, copies(2) as (one, other):
        await other.stop()
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await receiver.until(1)
        one.signal(signal.SIGSTOP)
        await desk.end_claims(endpoint.id)
        let.set()
        await other.start_serving()
        await until(lambda: desk.settled(endpoint.id))
        one.signal(signal.SIGCONT)
        await one.until_says("outlived their claims")
        assert await desk.states(endpoint.id) == {"delivered": 1}
        assert len(await desk.attempts(message)) == 1
        assert (await desk.standing(endpoint.id))["waiting"] == 0
