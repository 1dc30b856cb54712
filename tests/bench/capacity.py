"""What one redirect, read, write and delivery costs the whole stack, by role: what the capacity page reckons with."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg

from deploy.capacity.measured import BUSY_RATE, Operation, Role, bytes_name, cpu_name, idle_name, memory_name
from shared.contracts.links import ListLinks
from shared.contracts.modes import Mode
from shared.contracts.webhooks import CreateEndpoint, Topic
from tests.bench import crowd, lab, pace, wrk
from tests.bench.api import LIST, equip
from tests.bench.figures import Figure
from tests.bench.lab import Customer, Lab
from tests.bench.meter import Meter, Reading
from tests.bench.redirect import AGENTS, agent
from tests.bench.wrk import Load, Server
from tests.shared.waiting import until

TURNS = 3
SECONDS = 3
# Past it every operation is measured once more and no further.
BOUND_SECONDS = 50.0
BUSY_SECONDS = 2.0
VISITS = 60_000
REDIRECTS_PER_SECOND = 1_000
READS_PER_SECOND = 500
WRITES_PER_SECOND = 100
_STORED_PATIENCE_SECONDS = 30.0
_CLIENT = "clients"
_BODY = '{"title":"A link","url":"https://example.com/there?a=1"}'


async def capacity() -> list[Figure]:
    # Visitors come from many addresses, as they would through a proxy.
    async with lab.lab("capacity") as room, room.serving("tests.bench.told", "PORT") as told:
        started = await room.start_gateway(trusted_proxies="127.0.0.0/8")
        owner = await room.world.connect()
        try:
            customers, _ = await equip(room)
            meter = Meter(room.world, started, owner)
            bench = _Bench(room, meter, owner, Server(started.url, (started.process.pid,)), customers)
            return await bench.figures(f"{told.url}/hook")
        finally:
            await owner.close()
            await started.process.stop()


class _Bench:
    def __init__(
        self, room: Lab, meter: Meter, owner: asyncpg.Connection, server: Server, customers: list[Customer]
    ) -> None:
        self._room = room
        self._meter = meter
        self._owner = owner
        self._server = server
        self._customers = customers
        self._crew = pace.Crew(server.url, 64)
        self._until = asyncio.get_running_loop().time() + BOUND_SECONDS
        self._rest: dict[str, float] = {}
        self._found: dict[str, list[float]] = {}

    async def figures(self, hook: str) -> list[Figure]:
        await self._at_rest()
        visits = await self._visits()
        await self._turns(Operation.READ, self._read)
        await self._turns(Operation.WRITE, self._write)
        # From here on every write is told to somebody.
        for customer in self._customers:
            workspace = customer.account.workspace.id
            await self._room.world.bus.ask(
                CreateEndpoint(workspace=workspace, mode=Mode.LIVE, url=hook, topics=(Topic.LINK_CREATED,))
            )
        await self._turns(Operation.DELIVERY, self._deliver)
        told = await self._owner.fetchval("select count(*) from webhooks.deliveries")
        self._note(bytes_name(Operation.DELIVERY, "row"), await self._meter.rows("webhooks") / told)
        self._subtract(Operation.DELIVERY, Operation.WRITE)
        await self._turns(Operation.REDIRECT, lambda: self._redirect(visits))
        (self._room.folder / "visits.txt").write_text("\n".join("\t".join(visit) for visit in visits))
        await self._turns(Operation.REDIRECT_BUSY, self._rush)
        # That of the turn that does not count.
        del self._found[BUSY_RATE][0]
        await self._rows()
        await self._clients(visits[0])
        for role, size in self._meter.memory().items():
            self._note(memory_name(Role(role)), size)
        return [Figure(name, _unit(name), tuple(values)) for name, values in self._found.items()]

    async def _at_rest(self) -> None:
        for _ in range(TURNS):
            before = await self._meter.read()
            await asyncio.sleep(SECONDS / 2)
            after = await self._meter.read()
            for role in Role:
                self._note(idle_name(role), (after.seconds[role] - before.seconds[role]) / (after.at - before.at))
        self._rest = {role: _median(self._found[idle_name(role)]) for role in Role}

    async def _turns(self, operation: Operation, work: Callable[[], Awaitable[int]]) -> None:
        """``work`` answers how often the thing was done. The first turn does not count."""
        await self._room.quiet()
        for turn in range(TURNS + 1):
            if turn > 1 and asyncio.get_running_loop().time() > self._until:
                break
            before = await self._meter.read()
            done = await work()
            await self._room.quiet()
            after = await self._meter.read()
            self._room.say(f"{operation}, turn {turn} of {TURNS}: {done:,} done")
            if turn:
                self._divide(operation, before, after, done)

    def _divide(self, operation: Operation, before: Reading, after: Reading, done: int) -> None:
        passed = after.at - before.at
        for role in Role:
            used = after.seconds[role] - before.seconds[role] - self._rest[role] * passed
            self._note(cpu_name(operation, role), max(0.0, used) / done * 1e6)
        for what, size in after.bytes.items():
            self._note(bytes_name(operation, what), (size - before.bytes[what]) / done)

    def _subtract(self, operation: Operation, other: Operation) -> None:
        """A delivery is what a write with one costs beyond a write without."""
        for name, values in self._found.items():
            if name.startswith(f"{operation}: ") and name != bytes_name(operation, "row"):
                less = _median(self._found[name.replace(operation, other, 1)])
                values[:] = [max(0.0, value - less) for value in values]

    async def _read(self) -> int:
        requests = [pace.get(LIST, self._key(number)) for number in range(READS_PER_SECOND * SECONDS)]
        return len(await self._crew.pace(requests, per_second=READS_PER_SECOND, status=200))

    async def _write(self) -> int:
        requests = [pace.post("/v1/links", self._key(number), _BODY) for number in range(WRITES_PER_SECOND * SECONDS)]
        return len(await self._crew.pace(requests, per_second=WRITES_PER_SECOND, status=201))

    async def _deliver(self) -> int:
        done = await self._write()
        await until(self._all_delivered, _STORED_PATIENCE_SECONDS)
        return done

    async def _redirect(self, visits: list[tuple[str, ...]]) -> int:
        before = await self._stored()
        requests = [_request(visit) for visit in random.sample(visits, REDIRECTS_PER_SECOND * SECONDS)]
        done = len(await self._crew.pace(requests, per_second=REDIRECTS_PER_SECOND, status=302))
        await until(lambda: self._are_stored(before + done), _STORED_PATIENCE_SECONDS)
        return done

    async def _rush(self) -> int:
        """All that are answered are stored sooner or later; so many there are."""
        before = await self._stored()
        load = Load("/", "visits.lua", (str(self._room.folder / "visits.txt"),))
        turn = await wrk.run(self._server, load, BUSY_SECONDS)
        await self._room.quiet()
        self._note(BUSY_RATE, turn.per_second)
        return await self._stored() - before

    async def _visits(self) -> list[tuple[str, ...]]:
        """Path, address, agent, referrer and languages; three in ten by people who have not been there before."""
        slugs: list[str] = []
        for customer in self._customers:
            ask = ListLinks(workspace=customer.account.workspace.id, mode=Mode.LIVE)
            slugs += [link.slug for link in (await self._room.world.bus.ask(ask)).links]
        random.shuffle(slugs)
        busy, agents, addresses = crowd.Zipf(slugs), [agent(number) for number in range(AGENTS)], [_address()]
        visits: list[tuple[str, ...]] = []
        for _ in range(VISITS):
            if random.random() < crowd.NEW_VISITORS:
                addresses.append(_address())
            visits.append(
                (
                    f"/{busy.pick()}",
                    random.choice(addresses),
                    random.choice(agents),
                    "https://www.example.org/a/page/that/leads/here",
                    "en-GB,en;q=0.9,de;q=0.8",
                )
            )
        return visits

    async def _rows(self) -> None:
        """What stays: a click as it came, what a link's day comes to, and a link."""
        stored = await self._stored()
        links = await self._owner.fetchval("select count(*) from links.links")
        days = await self._owner.fetchval("select count(*) from analytics.link_days")
        self._note(bytes_name(Operation.REDIRECT, "row"), await self._meter.rows("analytics", "visits") / stored)
        self._note(
            bytes_name(Operation.REDIRECT, "link's day"), await self._meter.rows("analytics", "link_days") / days
        )
        people = await self._meter.rows("analytics", "visitors") + await self._meter.rows("analytics", "visitor_links")
        self._note(bytes_name(Operation.REDIRECT, "visitors"), people / stored)
        self._note(bytes_name(Operation.WRITE, "row"), await self._meter.rows("links") / links)

    async def _clients(self, visit: tuple[str, ...]) -> None:
        """A request and its answer, without what TCP and TLS add."""
        for operation, request in (
            (Operation.REDIRECT, _request(visit)),
            (Operation.READ, pace.get(LIST, self._key(0))),
            (Operation.WRITE, pace.post("/v1/links", self._key(0), _BODY)),
        ):
            self._note(bytes_name(operation, _CLIENT), await _exchanged(self._server.url, request))

    async def _stored(self) -> int:
        return int(await self._owner.fetchval("select count(*) from analytics.visits"))

    async def _are_stored(self, number: int) -> bool:
        return await self._stored() >= number

    async def _all_delivered(self) -> bool:
        return not await self._owner.fetchval("select exists (select from webhooks.endpoint_states where waiting > 0)")

    def _key(self, number: int) -> str:
        return self._customers[number % len(self._customers)].key

    def _note(self, name: str, value: float) -> None:
        self._found.setdefault(name, []).append(value)


def _request(visit: tuple[str, ...]) -> str:
    path, address, agent_name, referrer, languages = visit
    return (
        f"GET {path} HTTP/1.1\r\nX-Forwarded-For: {address}\r\nUser-Agent: {agent_name}\r\n"
        f"Referer: {referrer}\r\nAccept-Language: {languages}\r\n\r\n"
    )


async def _exchanged(url: str, request: str) -> float:
    """Bytes both ways, the line that ends the connection not counted."""
    where, last = urlsplit(url), "Connection: close\r\n"
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    whole = request.replace("\r\n", f"\r\nHost: {where.netloc}\r\n{last}", 1).encode()
    writer.write(whole)
    answer = await reader.read()
    writer.close()
    return float(len(whole) - len(last) + len(answer))


def _address() -> str:
    """Of the network that is set aside for measurements."""
    return f"198.{random.choice((18, 19))}.{random.randrange(256)}.{random.randrange(256)}"


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _unit(name: str) -> str:
    kind, _, rest = name.partition(": ")
    if kind == "memory":
        return "MiB"
    if name == BUSY_RATE:
        return "/s"
    if kind == "at rest":
        return "cores"
    return "B" if rest.startswith("bytes") else "µs"
