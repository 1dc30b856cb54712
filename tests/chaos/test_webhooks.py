"""Every committed delivery arrives, though the service is killed again and again; and once, as long as it is not."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from tests.chaos import broken
from tests.chaos.conftest import Own, Say
from tests.services.webhooks.conftest import LOOPBACK
from tests.services.webhooks.desk import Desk, Registered
from tests.services.webhooks.receiver import Receiver, fails, receiving, takes
from tests.shared.waiting import until
from tests.world import Process

KILLS = 10
DELIVERIES = 1_000
ENDPOINTS = 10
SETTLED_SECONDS = 60.0
# A claim ends soon, and hours are seconds.
QUICK: dict[str, object] = {
    "webhook_allow_cidrs": LOOPBACK,
    "webhook_lease_seconds": 2,
    "webhook_timeout_seconds": 1,
    "time_scale": 20,
}


class Scene:
    def __init__(self, desk: Desk, receiver: Receiver, endpoints: Sequence[Registered], dice: random.Random) -> None:
        self.desk = desk
        self.receiver = receiver
        self.endpoints = endpoints
        self.dice = dice
        self.committed: list[str] = []

    async def commit(self, number: int) -> None:
        for _ in range(number // 10):
            self.committed += await self.desk.deliver(self.dice.choice(self.endpoints).id, 10)

    async def settled(self) -> None:
        for endpoint in self.endpoints:
            await until(lambda endpoint=endpoint: self.desk.settled(endpoint.id), SETTLED_SECONDS)  # type: ignore[misc]

    def verdict(self) -> dict[str, int]:
        received = Counter(self.receiver.ids)
        return {
            "committed": len(self.committed),
            "lost": len(set(self.committed) - set(received)),
            "invented": len(set(received) - set(self.committed)),
            "repeated": sum(received.values()) - len(received),
        }


@contextlib.asynccontextmanager
async def scene(own: Own, seed: int, receiver: Receiver) -> AsyncIterator[Scene]:
    db = await own.world.connect()
    desk = Desk(own.world, db)
    await own.world.services["webhooks"].stop()
    try:
        yield Scene(desk, receiver, [await desk.register(receiver.url) for _ in range(ENDPOINTS)], random.Random(seed))
    finally:
        await own.world.services["webhooks"].start()
        await own.world.until_answered("webhooks")
        await db.close()


@contextlib.asynccontextmanager
async def copies(own: Own, number: int, module: str = "", **settings: object) -> AsyncIterator[list[Process]]:
    started = [own.world.service("webhooks", copy, module, **(QUICK | settings)) for copy in range(2, 2 + number)]
    try:
        await asyncio.gather(*(copy.start_serving() for copy in started))
        yield started
    finally:
        for process in started:
            await process.stop()


async def kill_and_commit(stage: Scene, copy: Process, kills: int) -> None:
    """Each time while attempts are under way."""
    for _ in range(kills):
        before = len(stage.receiver.received)
        await stage.commit(DELIVERIES // kills)
        more = stage.dice.randrange(1, 40)
        await until(lambda before=before, more=more: len(stage.receiver.received) >= before + more)  # type: ignore[misc]
        await copy.stop(signal.SIGKILL)
        await copy.start_serving()


async def test_every_committed_delivery_arrives_though_the_service_is_killed(own: Own, seed: int, say: Say) -> None:
    began = time.monotonic()
    # Each is refused once, so that what is to be tried again is among what must not be lost.
    async with receiving(fails(1)) as receiver, scene(own, seed, receiver) as stage, copies(own, 1) as (copy,):
        await kill_and_commit(stage, copy, KILLS)
        await stage.settled()
    verdict = stage.verdict()
    # The refused attempt of each is no repetition.
    verdict["repeated"] -= DELIVERIES
    say(seed=seed, kills=KILLS, **verdict, seconds=round(time.monotonic() - began, 1))
    assert (verdict["committed"], verdict["lost"], verdict["invented"]) == (DELIVERIES, 0, 0)


async def test_without_a_kill_three_copies_send_everything_once(own: Own, seed: int, say: Say) -> None:
    began = time.monotonic()
    # What is given up because the machine stands still is rightly sent again.
    patient: dict[str, Any] = {"webhook_timeout_seconds": 60, "webhook_lease_seconds": 90}
    async with receiving(takes(0.02)) as receiver, scene(own, seed, receiver) as stage, copies(own, 3, **patient):
        for _ in range(10):
            await stage.commit(DELIVERIES // 10)
            await asyncio.sleep(stage.dice.uniform(0, 0.2))
        await stage.settled()
    say(seed=seed, **stage.verdict(), seconds=round(time.monotonic() - began, 1))
    assert stage.verdict() == {"committed": DELIVERIES, "lost": 0, "invented": 0, "repeated": 0}
    assert receiver.most_under_way <= 4 * ENDPOINTS


async def test_deliveries_are_lost_when_they_are_written_down_first(own: Own, seed: int, say: Say) -> None:
    module = f"{broken.__name__}.writes_down_first"
    async with receiving() as receiver, scene(own, seed, receiver) as stage, copies(own, 1, module) as (copy,):
        await kill_and_commit(stage, copy, 3)
        await stage.settled()
        await asyncio.sleep(1)
    say(seed=seed, **stage.verdict())
    assert stage.verdict()["lost"] > 0


async def test_deliveries_are_repeated_when_claims_end_too_early(own: Own, seed: int, say: Say) -> None:
    async with (
        receiving(takes(0.3)) as receiver,
        scene(own, seed, receiver) as stage,
        copies(own, 2, webhook_lease_seconds=0.05),
    ):
        await stage.commit(20)
        await receiver.until(25)
    say(seed=seed, **stage.verdict())
    assert stage.verdict()["repeated"] > 0
