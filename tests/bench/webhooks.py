"""How fast deliveries that wait are sent, how soon new ones are, and what it takes."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import msgspec
import psutil

from shared.contracts.modes import Mode
from shared.contracts.webhooks import CreateEndpoint, Topic
from tests.bench import lab, pace
from tests.bench.figures import Figure, at_most
from tests.bench.lab import Customer, Lab
from tests.services.webhooks.desk import Desk
from tests.services.webhooks.receiver import Received, hangs, receiving
from tests.shared.waiting import until
from tests.world import Process

TURNS = 3
DELIVERIES = 2_000
MANY_ENDPOINTS = 50
WAITING = 10_000
PER_SECOND = 50
PACED_SECONDS = 10
CUSTOMERS = 20
_MIB = 1024 * 1024
# About what a created link is told with.
BODY = b'{"id":"evt_0351vm96fxkDIoy1PTxmj0","type":"link.created","data":{"title":"' + b"x" * 600 + b'"}}'


async def webhooks() -> list[Figure]:
    async with lab.lab("webhooks") as room, _copy(room) as copy, room.serving("tests.bench.told", "PORT") as told:
        owner = await room.world.connect()
        try:
            bench = _Bench(room, copy, Desk(room.world, owner), owner)
            one = await bench.rates(f"{told.url}/hook", 1)
            many = await bench.rates(f"{told.url}/hook", MANY_ENDPOINTS)
            return [*one, *many, *await bench.told(), await bench.waits(), *await bench.memory()]
        finally:
            await owner.close()


@contextlib.asynccontextmanager
async def _copy(room: Lab) -> AsyncIterator[Process]:
    for service in room.world.services.values():
        await service.stop()
    copy = room.world.service("webhooks", 2, webhook_allow_cidrs="127.0.0.0/8")
    try:
        await copy.start_serving()
        yield copy
    finally:
        await copy.stop()


class _Bench:
    def __init__(self, room: Lab, copy: Process, desk: Desk, owner: asyncpg.Connection) -> None:
        self._room = room
        self._copy = psutil.Process(copy.pid)
        self._desk = desk
        self._owner = owner

    async def rates(self, url: str, number: int) -> list[Figure]:
        rates, ours, postgres = [], [], []
        for turn in range(TURNS + 1):
            endpoints = [await self._desk.register(url) for _ in range(number)]
            used = self._used()
            began = time.perf_counter()
            for endpoint in endpoints:
                await self._desk.deliver(endpoint.id, DELIVERIES // number, BODY)
            await until(self._nothing_waits, 300)
            took = time.perf_counter() - began
            self._room.say(f"{number} endpoints, turn {turn} of {TURNS}: {DELIVERIES / took:,.0f}/s")
            if turn:
                rates.append(DELIVERIES / took)
                ours.append((self._used()[0] - used[0]) / DELIVERIES * 1e6)
                postgres.append((self._used()[1] - used[1]) / DELIVERIES * 1e6)
        who = "one endpoint" if number == 1 else f"{number} endpoints"
        return [
            Figure(f"delivered to {who}", "/s", tuple(rates)),
            Figure("processor time, webhooks", "µs", tuple(ours)),
            Figure("processor time, PostgreSQL", "µs", tuple(postgres)),
        ]

    async def told(self) -> list[Figure]:
        """From the moment at which a link is made to the arrival of what tells of it, by the API and the streams."""
        world = self._room.world
        others = [name for name in world.services if name != "webhooks"]
        for name in others:
            await world.services[name].start()
        async with receiving() as receiver, self._room.gateway() as gateway:
            for name in others:
                await world.until_answered(name)
            customers = await self._room.customers(CUSTOMERS)
            for customer in customers:
                await world.bus.ask(_endpoint(customer, receiver.url))
            crew = pace.Crew(gateway.url, CUSTOMERS)
            medians, tails = [], []
            for turn in range(TURNS + 1):
                already, number = len(receiver.received), PER_SECOND * PACED_SECONDS
                keys = [customers[place % CUSTOMERS].key for place in range(number)]
                requests = [pace.post("/v1/links", key, '{"title":"A","url":"https://example.com/"}') for key in keys]
                await crew.pace(requests, per_second=PER_SECOND, status=201)
                await receiver.until(already + number)
                took = [_since_made(each) for each in receiver.received[already:]]
                median, tail = pace.percentile(took, 0.5), pace.percentile(took, 0.95)
                self._room.say(
                    f"{PER_SECOND} links a second, turn {turn} of {TURNS}: {median:.0f} ms, p95 {tail:.0f} ms"
                )
                if turn:
                    medians.append(median)
                    tails.append(tail)
        for name in others:
            await world.services[name].stop()
        return [
            Figure(f"link made to arrival, p95 at {PER_SECOND}/s", "ms", tuple(tails), at_most(100)),
            Figure(f"link made to arrival, p50 at {PER_SECOND}/s", "ms", tuple(medians)),
        ]

    async def waits(self) -> Figure:
        """From a commit that nobody announces to the arrival."""
        values = []
        async with receiving() as receiver:
            endpoints = [await self._desk.register(receiver.url) for _ in range(10)]
            for turn in range(TURNS):
                committed: dict[str, float] = {}
                begin, already = time.time(), len(receiver.received)
                for number in range(PER_SECOND * PACED_SECONDS):
                    await asyncio.sleep(max(0.0, begin + number / PER_SECOND - time.time()))
                    (message,) = await self._desk.deliver(endpoints[number % 10].id, 1, BODY)
                    committed[message] = time.time()
                await receiver.until(already + len(committed))
                took = [each.at.timestamp() - committed[each.id] for each in receiver.received[already:]]
                values.append(statistics.quantiles(took, n=20)[-1] * 1000)
                self._room.say(f"{PER_SECOND} a second, turn {turn + 1} of {TURNS}: p95 {values[-1]:,.0f} ms")
        return Figure(f"commit to arrival, p95 at {PER_SECOND}/s", "ms", tuple(values), at_most(2_000))

    async def memory(self) -> list[Figure]:
        before = self._copy.memory_info().rss / _MIB
        async with receiving(hangs) as receiver:
            endpoint = await self._desk.register(receiver.url)
            await self._desk.deliver(endpoint.id, WAITING, BODY)
            await receiver.until(4)
            await asyncio.sleep(2)
            after = self._copy.memory_info().rss / _MIB
            await self._desk.forget(endpoint.id)
        return [
            Figure("memory of webhooks, nothing waiting", "MiB", (before,)),
            Figure(f"memory of webhooks, {WAITING:,} waiting", "MiB", (after,)),
        ]

    async def _nothing_waits(self) -> bool:
        return not await self._owner.fetchval("select exists (select from webhooks.endpoint_states where waiting > 0)")

    def _used(self) -> tuple[float, float]:
        """Seconds of processor time, ours and PostgreSQL's."""
        postgres = psutil.Process(self._room.world.servers.processes["postgres"].pid)
        return _cpu(self._copy), sum(map(_cpu, [postgres, *postgres.children(recursive=True)]))


def _endpoint(customer: Customer, url: str) -> CreateEndpoint:
    workspace = customer.account.workspace.id
    return CreateEndpoint(workspace=workspace, mode=Mode.LIVE, url=url, topics=(Topic.LINK_CREATED,))


def _since_made(received: Received) -> float:
    """Milliseconds from the moment that the message names, which is within the transaction that makes the link."""
    made = datetime.fromisoformat(msgspec.json.decode(received.body)["createdAt"])
    return (received.at - made) / timedelta(milliseconds=1)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
