"""Writes that are repeated under their idempotency keys until they are answered take effect once, whatever dies."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence

import aiohttp
import msgspec
import psutil
import pytest

from shared.bus import EVENTS_STREAM
from shared.contracts.accounts import Account, Tier
from shared.contracts.ask import subject_of
from shared.contracts.links import LinkCreated
from tests.chaos.conftest import Own, Say
from tests.client import Answer, Client
from tests.deploy.command import gone
from tests.shared.waiting import until
from tests.world import Gateway, Process

AT_ONCE = 24
LINK = {"title": "A link", "url": "https://example.com/there"}
PATIENCE_SECONDS = 1.5  # then the writer repeats the request, which may well be at work still
PAUSE_SECONDS = 0.2
WORKSPACES = 4  # so that none of them comes near its limit
# Whoever is answered so may come again.
PASSING = {409, 503, 504}
NO_LIMITS = {"limit_address_per_minute": 0, "limit_address_keyed_per_minute": 0, "limit_user_per_hour": 0}


class Form(msgspec.Struct, frozen=True):
    keys: int
    kills: Sequence[str]  # of which each has the same share of the keys


SHORT = Form(300, ("links", "links", "postgres"))
FULL = Form(2_004, (*["links"] * 10, *["postgres"] * 2))


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    keys: int
    links: int  # rows
    ids: int  # different ones among the answers
    told: int  # events
    told_of: int  # different links among them
    different: int  # answers that were not the same when they were asked for once more
    repeats: int

    @property
    def even(self) -> bool:
        return self.keys == self.links == self.ids == self.told == self.told_of and self.different == 0


class Writers:
    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = clients
        self.answers: dict[str, bytes] = {}
        self.repeats = 0
        self._places = asyncio.Semaphore(AT_ONCE)

    async def write(self, number: int) -> None:
        """Returns when the link is made."""
        answer = await self._insist(number)
        assert answer.status == 201, answer.body
        self.answers[f"key-{number}"] = answer.body

    async def again(self, number: int) -> bool:
        """Is the answer still the same, to the last byte?"""
        answer = await self._insist(number)
        assert answer.headers["Idempotent-Replayed"] == "true"
        return answer.body == self.answers[f"key-{number}"]

    async def _insist(self, number: int) -> Answer:
        async with self._places:
            while (answer := await self._try(number)) is None or answer.status in PASSING:
                self.repeats += 1
                await asyncio.sleep(PAUSE_SECONDS)
        return answer

    async def _try(self, number: int) -> Answer | None:
        client = self.clients[number % len(self.clients)]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await client.post("/v1/links", LINK, headers={"Idempotency-Key": f"key-{number}"})
        except (aiohttp.ClientError, TimeoutError):
            return None


class Scene:
    def __init__(self, own: Own, links: Process, writers: Writers, dice: random.Random) -> None:
        self._own = own
        self._links = links
        self._writers = writers
        self._dice = dice
        self.kills: Counter[str] = Counter()

    async def play(self, form: Form) -> Balance:
        """Each kill comes in the middle of its share of the writes."""
        share = form.keys // len(form.kills)
        for place, victim in enumerate(self._dice.sample(form.kills, len(form.kills))):
            numbers = range(place * share, (place + 1) * share)
            await self._write(numbers, victim, after=self._dice.randint(1, share // 2))
        return await self._balance(share * len(form.kills))

    async def _write(self, numbers: range, victim: str, after: int) -> None:
        enough = len(self._writers.answers) + after
        writing = asyncio.gather(*(self._writers.write(number) for number in numbers))
        await until(lambda: len(self._writers.answers) >= enough, 60)
        await self._kill(victim)
        await writing

    async def _kill(self, victim: str) -> None:
        self.kills[victim] += 1
        if victim == "links":
            await self._links.stop(signal.SIGKILL)
            await self._links.start()
            return
        servers = self._own.world.servers
        postmaster = self._own.server("postgres")
        # Stopped, it starts nobody any more. One that is left over would keep the next server from starting.
        postmaster.suspend()
        await until(lambda: postmaster.status() == psutil.STATUS_STOPPED)
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.to_thread(servers.processes["postgres"].wait, 20)
        assert await asyncio.to_thread(gone, family, 20)
        servers.start_again("postgres")

    async def _balance(self, keys: int) -> Balance:
        owner = await self._own.world.connect()
        workspaces = [client.account.workspace.id for client in self._writers.clients]
        try:
            await until(lambda: _is_zero(owner.fetchval("select count(*) from links.outbox")), 30)
            rows = await owner.fetchval("select count(*) from links.links where workspace = any($1)", workspaces)
        finally:
            await owner.close()
        told = [event.link.id for event in await self._told() if event.link.workspace in workspaces]
        same = await asyncio.gather(*(self._writers.again(number) for number in range(keys)))
        return Balance(
            keys=keys,
            links=rows,
            ids=len({msgspec.json.decode(body)["id"] for body in self._writers.answers.values()}),
            told=len(told),
            told_of=len(set(told)),
            different=same.count(False),
            repeats=self._writers.repeats,
        )

    async def _told(self) -> list[LinkCreated]:
        stream = self._own.bus._stream
        state = (await stream.stream_info(EVENTS_STREAM)).state
        numbers = range(max(state.first_seq, 1), state.last_seq + 1)
        messages = [await stream.get_msg(EVENTS_STREAM, number) for number in numbers]
        return [
            msgspec.msgpack.decode(message.data or b"", type=LinkCreated)
            for message in messages
            if message.subject == subject_of(LinkCreated)
        ]


async def _is_zero(count: Awaitable[int]) -> bool:
    return await count == 0


@contextlib.asynccontextmanager
async def set_up(own: Own, dice: random.Random, module: str = "") -> AsyncIterator[Scene]:
    world = own.world
    gateway = await world.start_gateway("gateway-writes", **NO_LIMITS)
    links = world.service("links", 2, module)
    await world.services["links"].stop()
    try:
        await links.start_serving()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2 * AT_ONCE)) as session:
            clients = [await _client(own, session, gateway) for _ in range(WORKSPACES)]
            yield Scene(own, links, Writers(clients), dice)
    finally:
        await links.stop()
        await gateway.process.stop()
        await world.services["links"].start()
        await world.until_answered("links")


async def _client(own: Own, session: aiohttp.ClientSession, gateway: Gateway) -> Client:
    account: Account = await own.world.account(Tier.LIFETIME)
    return Client(session, gateway.url, (await own.world.key(account)).secret, account)


FORMS = [pytest.param(SHORT, id="short"), pytest.param(FULL, id="full", marks=pytest.mark.long)]


@pytest.mark.parametrize("form", FORMS)
async def test_each_key_is_one_link_one_event_and_one_answer(own: Own, form: Form, seed: int, say: Say) -> None:
    began = time.monotonic()
    async with set_up(own, random.Random(seed)) as scene:
        balance = await scene.play(form)
    say(seed=seed, **msgspec.structs.asdict(balance), kills=scene.kills, seconds=round(time.monotonic() - began, 1))
    assert balance.even


async def test_it_does_not_balance_when_answers_are_kept_apart_from_what_they_answer(
    own: Own, seed: int, say: Say
) -> None:
    async with set_up(own, random.Random(seed), "tests.chaos.broken.keeps_answers_later") as scene:
        balance = await scene.play(Form(100, ("links", "links")))
    say(seed=seed, **msgspec.structs.asdict(balance), kills=scene.kills)
    assert balance.links > balance.keys


@pytest.mark.long
async def test_of_fifty_at_once_one_is_carried_out_through_two_gateways_and_two_copies(own: Own, say: Say) -> None:
    """200 rounds. A workspace of its own for each 50 of them, because of its limit."""
    world, rounds, together = own.world, 200, 50
    began = time.monotonic()
    # Links are answered under the address of the platform, which is the same for all gateways.
    settings = NO_LIMITS | {"public_url": "http://links.example"}
    gateways = [await world.start_gateway(f"gateway-crowd-{number}", **settings) for number in (1, 2)]
    second = world.service("links", 2)
    repeats = 0
    try:
        await second.start_serving()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=together)) as session:
            clients = [await _client(own, session, gateways[0]) for _ in range(4)]
            for number in range(rounds):
                client = clients[number % 4]
                doors = [client, client.at(gateways[1].url)]
                answers = await asyncio.gather(
                    *(doors[n % 2].insist("/v1/links", LINK, f"round-{number}") for n in range(together))
                )
                assert len({answer.body for answer, _ in answers}) == 1
                repeats += sum(tries - 1 for _, tries in answers)
            totals = [(await client.get("/v1/links")).json["total"] for client in clients]
    finally:
        for process in (second, *(gateway.process for gateway in gateways)):
            await process.stop()
    say(
        rounds=rounds, together=together, links=sum(totals), repeats=repeats, seconds=round(time.monotonic() - began, 1)
    )
    assert sum(totals) == rounds
