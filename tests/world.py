"""The world of a test run: real servers, the services as processes of their own, and gateways on ports of their own."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import msgspec

from shared import bus as buses
from shared.bus import Bus
from shared.contracts import SERVICES
from shared.contracts.accounts import Account, CreateUser, Tier
from shared.contracts.keys import CreateKey, NewKey
from shared.faults import Code, Fault
from shared.ids import new as new_id
from shared.migrations import provision, role_of
from shared.settings import Settings, variable
from tests.servers import Servers, free_port

ROOT = Path(__file__).parent.parent
READY_SECONDS = 40.0  # many times what a start takes on a machine with nothing else to do
# In no hurry. A machine that stands still for some seconds is nobody's outage, so whoever tests something else than
# outages asks, waits and counts with these settings, and not with those of a platform that has to answer soon.
PATIENT_BUS: dict[str, object] = {"ask_timeout_seconds": 10}
PATIENT: dict[str, object] = PATIENT_BUS | {
    "request_timeout_seconds": 15,
    "redirect_ask_timeout_seconds": 10,
    "limit_patience_seconds": 10,
    "limit_connection_timeout_seconds": 10,
}
# The same for a service that many ask at once, as all do who have waited for such a machine.
PATIENT_SERVICE: dict[str, object] = PATIENT_BUS | {"database_acquire_timeout_seconds": 10}


class Process:
    """One of our processes, its output in a file."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str], log: Path, home: Path = ROOT) -> None:
        """``home``: where its code is."""
        self.name = name
        self.log = log
        self._home = home
        self._argv = argv
        self._env = env
        self._process: asyncio.subprocess.Process | None = None
        self._began = 0

    @property
    def watched_at(self) -> str:
        """Where its own listener is, if its settings say so."""
        return f"http://127.0.0.1:{self._env['WAYPOST_METRICS_PORT']}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def start(self) -> None:
        with self.log.open("ab") as output:
            self._began = output.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self._argv, env=self._env, cwd=self._home, stdout=output, stderr=output
            )

    @property
    def said(self) -> str:
        """Its output since it was last started."""
        return self.log.read_bytes()[self._began :].decode()

    async def until_says(self, words: str) -> None:
        """Waits until it has said ``words`` since it was last started; fails when that takes too long."""
        end = time.monotonic() + READY_SECONDS
        while words not in self.said:
            assert time.monotonic() < end, f"{self.name} has not said {words!r}:\n{self.said[-4000:]}"
            await asyncio.sleep(0.025)

    async def start_serving(self) -> None:
        """Starts a service, and returns when this very copy answers questions."""
        await self.start()
        await self.until_says("service answers")

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process and returns its exit status; one that has ended already is left alone."""
        assert self._process
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
                self._process.send_signal(how)
        return await asyncio.wait_for(self._process.wait(), 20)

    def signal(self, how: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(how)


class Gateway:
    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url

    async def start(self) -> None:
        """Returns when it is ready."""
        await self.process.start()
        end = time.monotonic() + READY_SECONDS
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < end and not self.process.ended:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.025)
        await self.process.stop(signal.SIGKILL)
        raise AssertionError(f"{self.process.name} did not get ready:\n{self.process.said[-4000:]}")


class World:
    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.secret_key = secrets.token_hex(24)
        self.passwords = {service: secrets.token_hex(8) for service in SERVICES}
        self.services: dict[str, Process] = {}
        self._bus: Bus | None = None

    @property
    def bus(self) -> Bus:
        assert self._bus, "the world has not begun"
        return self._bus

    def database_url(self, service: str) -> str:
        """The service's own role, as its process knows it."""
        parts = urlsplit(self.servers.owner_url)
        login = f"{role_of(service)}:{self.passwords[service]}@{parts.hostname}:{parts.port}"
        return urlunsplit(parts._replace(netloc=login))

    def env(self, process_name: str, **settings: object) -> dict[str, str]:
        """The environment of a process of ours; settings by their field names."""
        base = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        given = {
            "process_name": process_name,
            "nats_url": self.servers.nats_url,
            "redis_url": self.servers.redis_url,
            "journal_dir": str(self.folder / "journal"),
            "secret_key": self.secret_key,
            # Webhooks of tests lead to this machine, and no name is looked up elsewhere.
            "webhook_allow_cidrs": "127.0.0.0/8",
            "webhook_dns_servers": "127.0.0.1:9",
            "domains_dns_servers": "127.0.0.1:9",
        } | settings
        return base | {variable(name): str(value) for name, value in given.items()}

    def settings(self, process_name: str = "test", **settings: object) -> Settings:
        return Settings.read(self.env(process_name, **settings))

    async def connect(self) -> asyncpg.Connection:
        """As the owner of everything. Closed by the caller."""
        return await asyncpg.connect(self.servers.owner_url)

    def service(self, name: str, copy: int = 1, module: str = "", /, **settings: object) -> Process:
        """A copy of a service that is not started yet; ``module`` is run instead of the service's own."""
        process_name = name if copy == 1 else f"{name}-{copy}"
        given = {"database_url": self.database_url(name), "metrics_port": free_port()} | settings
        env = self.env(process_name, **given)
        argv = [sys.executable, "-m", module or f"services.{name}"]
        return Process(process_name, argv, env, self.folder / f"{process_name}.log")

    async def start_gateway(self, name: str, module: str = "gateway", /, **settings: object) -> Gateway:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        given = {"listen_port": port, "public_url": url, "metrics_port": free_port()} | settings
        env = self.env(name, **given)
        gateway = Gateway(Process(name, [sys.executable, "-m", module], env, self.folder / f"{name}.log"), url)
        await gateway.start()
        return gateway

    async def account(self, tier: Tier = Tier.CREATOR, username: str | None = None) -> Account:
        username = username or f"u{new_id().lower()}"[:24]
        return await self.bus.ask(
            CreateUser(username=username, email=f"{username}@example.com", password=secrets.token_hex(8), tier=tier)
        )

    async def key(self, account: Account, **fields: object) -> NewKey:
        return await self.bus.ask(CreateKey(workspace=account.workspace.id, user=account.user.id, **fields))  # type: ignore[arg-type]

    async def asked(self, subject: str) -> int:
        """How many questions of one kind its service has been asked so far, by its own count."""
        reply = await self.bus._client.request(f"$SRV.STATS.{subject.partition('.')[0]}", timeout=20)
        stats = msgspec.json.decode(reply.data)
        return sum(each["num_requests"] for each in stats["endpoints"] if each["subject"] == subject)

    async def until_answered(self, service: str) -> None:
        """Waits until a copy of the service has joined the bus."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            try:
                await self.bus._client.request(f"$SRV.PING.{service}", timeout=0.5)
            except Exception as error:
                if self.services[service].ended:
                    raise AssertionError(self.services[service].said[-4000:]) from error
                await asyncio.sleep(0.025)
            else:
                return
        raise AssertionError(f"{service} did not answer: {self.services[service].said[-4000:]}")


@contextlib.asynccontextmanager
async def begin(servers: Servers, folder: Path, **settings: object) -> AsyncIterator[World]:
    """With one copy of every service, which has these settings."""
    world = World(servers, folder)
    for service in SERVICES:
        await provision(servers.owner_url, service, world.passwords[service])
    async with buses.connect(world.settings("test", **PATIENT_BUS)) as bus:
        await bus.ensure_streams()
        world._bus = bus
        try:
            for service in SERVICES:
                if (ROOT / "services" / service / "__main__.py").exists():
                    world.services[service] = process = world.service(service, **settings)
                    await process.start()
            for service in world.services:
                await world.until_answered(service)
            yield world
        finally:
            for process in world.services.values():
                await process.stop()


__all__ = ["Code", "Fault", "Gateway", "Process", "World", "begin"]
