"""The file of the three NATS servers, run by three servers: they find each other, and keep each stream three times."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from deploy.local import binaries
from shared import bus as buses
from shared.contracts.analytics import CLICKS_SUBJECT
from shared.faults import Fault
from shared.settings import Settings, variable
from tests.client import until
from tests.servers import free_port

HOME = Path(__file__).resolve().parents[3]
# A password that would be a number without the quotes.
PASSWORD = "12e4" * 8
START_SECONDS = 30.0
SERVERS = 3


class Server:
    """One of the three, with the ports that the cluster's network would give it."""

    def __init__(self, number: int, routes: list[str], folder: Path) -> None:
        self.port, self.monitor = free_port(), free_port()
        self._name = f"nats-{number}"
        self._folder = folder / self._name
        self._folder.mkdir()
        self._routes = routes
        self._route = int(routes[number].rpartition(":")[2])

    def start(self) -> None:
        told = (HOME / "deploy/kubernetes/overlays/production/nats.conf").read_text(encoding="utf-8")
        for line, here in (
            ("port: 4222", f'host: "127.0.0.1"\nport: {self.port}'),
            ("http: 8222", f'http: "127.0.0.1:{self.monitor}"'),
            ("port: 6222", f'host: "127.0.0.1"\n  port: {self._route}'),
            ("/run/nats/nats.pid", str(self._folder / "pid")),
            ("/var/lib/nats", str(self._folder / "data")),
        ):
            assert told.count(line) == 1
            told = told.replace(line, here)
        config = self._folder / "nats.conf"
        config.write_text(told)
        environ = {
            **os.environ,
            "POD_NAME": self._name,
            "NATS_PASSWORD": f'"{PASSWORD}"',
            **{f"NATS_ROUTE_{number}": f'"{route}"' for number, route in enumerate(self._routes)},
        }
        with open(self._folder / "log", "ab") as log:
            program = str(binaries.find_nats().path)
            self.process = subprocess.Popen([program, "-c", str(config)], env=environ, stdout=log, stderr=log)

    async def asked(self, session: aiohttp.ClientSession, path: str) -> Any:
        try:
            async with session.get(f"http://127.0.0.1:{self.monitor}{path}") as answer:
                return await answer.json()
        except aiohttp.ClientError:
            return {}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Server]]:
    routes = [f"nats://waypost:{PASSWORD}@127.0.0.1:{free_port()}" for _ in range(SERVERS)]
    servers = [Server(number, routes, tmp_path) for number in range(SERVERS)]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.process.send_signal(signal.SIGTERM)
    for server in servers:
        server.process.wait(20)


@pytest.fixture
async def bus(cluster: list[Server], session: aiohttp.ClientSession) -> AsyncIterator[buses.Bus]:
    async def leader() -> Any:
        return (await cluster[0].asked(session, "/jsz")).get("meta_cluster", {})

    await until(leader, lambda seen: seen.get("leader") and seen.get("cluster_size") == SERVERS, seconds=START_SECONDS)
    read = Settings.read({variable("nats_url"): f"nats://waypost:{PASSWORD}@127.0.0.1:{cluster[0].port}"})
    async with buses.connect(msgspec.structs.replace(read, stream_replicas=SERVERS)) as connected:
        yield connected


async def test_three_servers_keep_each_stream_three_times_and_one_may_go(
    cluster: list[Server], bus: buses.Bus, session: aiohttp.ClientSession
) -> None:
    await bus.ensure_streams()

    async def held() -> list[int]:
        told = [await server.asked(session, "/jsz?streams=true") for server in cluster]
        # A server that has no stream yet says nothing of any.
        accounts = [account for each in told for account in each.get("account_details", ())]
        return [len(account.get("stream_detail", ())) for account in accounts]

    await until(held, lambda seen: seen == [4, 4, 4], seconds=START_SECONDS)
    assert (await cluster[0].asked(session, "/jsz?config=true"))["config"]["sync_always"] is True
    cluster[2].process.kill()
    cluster[2].process.wait(20)

    async def kept() -> bool:
        # The same id, so that what a broken-off attempt has left counts once.
        try:
            await bus.publish(CLICKS_SUBJECT, b"click", "one", 2)
        except Fault:
            return False
        return True

    await until(kept, lambda seen: seen, seconds=START_SECONDS)
