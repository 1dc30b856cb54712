"""Where a row is measured: servers and services of its own, started for it and gone after it."""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import psutil

from shared.contracts.accounts import Account
from tests import servers, world
from tests.bench.figures import Figure, at_least
from tests.bench.wrk import Server, Turn
from tests.servers import free_port
from tests.world import Gateway, Process, World

# Many short turns rather than few long ones: what else the machine does then falls on both.
TURNS = 8
TURN_SECONDS = 2.0
# Beyond this nothing is read out of how busy the processes are: an idle stack needs a few hundredths of a core.
_QUIET_CORES = 0.2
_QUIET_LOOK_SECONDS = 0.4
_QUIET_PATIENCE_SECONDS = 30.0


class Customer(msgspec.Struct, frozen=True):
    account: Account
    key: str


class Lab:
    def __init__(self, name: str, began: World, folder: Path) -> None:
        self.world = began
        self.folder = folder
        self._name = name

    def say(self, words: str) -> None:
        print(f"  {self._name}: {words}", file=sys.stderr, flush=True)

    @contextlib.asynccontextmanager
    async def gateway(self) -> AsyncIterator[Server]:
        gateway = await self.start_gateway()
        try:
            yield Server(gateway.url, (gateway.process.pid,))
        finally:
            await gateway.process.stop()

    async def start_gateway(self, **settings: object) -> Gateway:
        """One worker. The layers that count by address and user are on, with limits that nobody reaches."""
        many = 1_000_000_000
        limits = {"limit_address_per_minute": many, "limit_address_keyed_per_minute": many, "limit_user_per_hour": many}
        return await self.world.start_gateway("gateway", **limits | settings)

    async def customers(self, count: int) -> list[Customer]:
        """Each with a workspace and a key of its own, so that no workspace comes near its tier's limit."""

        async def one() -> Customer:
            account = await self.world.account()
            return Customer(account, (await self.world.key(account)).secret)

        # A few at a time, because each comes with a password to be hashed.
        return [made for _ in range(0, count, 4) for made in await asyncio.gather(*(one() for _ in range(4)))]

    @contextlib.asynccontextmanager
    async def running(self, name: str, *arguments: str, **settings: object) -> AsyncIterator[Process]:
        """Another program, ``python -m …``, as long as it is needed."""
        process = Process(
            name, [sys.executable, "-m", *arguments], self.world.env(name, **settings), self.folder / f"{name}.log"
        )
        await process.start()
        try:
            yield process
        except Exception as error:
            if process.ended:
                raise RuntimeError(f"{name} has ended:\n{process.log.read_text()[-4000:]}") from error
            raise
        finally:
            await process.stop()

    @contextlib.asynccontextmanager
    async def serving(self, module: str, *arguments: str, **settings: object) -> AsyncIterator[Server]:
        """The same for one that serves HTTP on the port that follows its other arguments."""
        port = free_port()
        places = [str(port) if argument == "PORT" else argument for argument in arguments]
        async with self.running(module.rpartition(".")[2], module, *places, **settings) as process:
            await _until_open(process, port)
            yield Server(f"http://127.0.0.1:{port}", (process.pid,))

    async def quiet(self) -> None:
        """Returns when what the last turn has left behind is done, or after a while."""
        until = time.monotonic() + _QUIET_PATIENCE_SECONDS
        used = _cpu_seconds()
        while time.monotonic() < until:
            await asyncio.sleep(_QUIET_LOOK_SECONDS)
            before, used = used, _cpu_seconds()
            if used - before < _QUIET_CORES * _QUIET_LOOK_SECONDS:
                return
        self.say("the stack does not come to rest; measured all the same")

    async def alternate(
        self,
        ours: Callable[[], Awaitable[Turn]],
        theirs: Callable[[], Awaitable[Turn]],
        *,
        names: tuple[str, str],
        target: float,
    ) -> list[Figure]:
        """Both in every turn, each first as often as second, after one turn that does not count."""
        ratios, mine, other = [], [], []
        for turn in range(TURNS + 1):
            done: dict[bool, Turn] = {}
            for our_turn in (True, False) if turn % 2 else (False, True):
                await self.quiet()
                done[our_turn] = await (ours if our_turn else theirs)()
            a, b = done[True], done[False]
            number = f"turn {turn} of {TURNS}" if turn else "warm-up"
            self.say(
                f"{number}: {a.per_second:,.0f}/s against {b.per_second:,.0f}/s, {a.per_second / b.per_second:.2f}"
            )
            if turn:
                mine.append(a)
                other.append(b)
                ratios.append(a.per_second / b.per_second)
        return [
            Figure("ratio", "", tuple(ratios), at_least(target)),
            Figure(names[0], "/s", tuple(turn.per_second for turn in mine)),
            Figure(names[1], "/s", tuple(turn.per_second for turn in other)),
            Figure(f"processor time, {names[0]}", "µs", tuple(turn.cpu_us for turn in mine)),
            Figure(f"processor time, {names[1]}", "µs", tuple(turn.cpu_us for turn in other)),
        ]


@contextlib.asynccontextmanager
async def lab(name: str) -> AsyncIterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as place:
        folder = Path(place)
        started = servers.start(folder)
        try:
            async with world.begin(started, folder) as began:
                yield Lab(name, began, folder)
        finally:
            started.stop()


def _cpu_seconds() -> float:
    """Of all processes under this one."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


async def _until_open(process: Process, port: int) -> None:
    for _ in range(400):
        if process.ended:
            break
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.025)
    raise RuntimeError(f"{process.name} does not serve:\n{process.log.read_text()[-4000:]}")
