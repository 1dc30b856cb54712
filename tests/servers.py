"""PostgreSQL, NATS and Valkey for the tests: the embedded ones, as `waypost up` configures them, on free ports."""

import asyncio
import contextlib
import itertools
import os
import random
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from deploy.local import secret_store
from deploy.local.child import Command
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.options import read_settings
from deploy.local.part import Part
from deploy.local.servers import ServerSet, choose
from services.webhooks.guard import FORBIDDEN_PORTS

READY_SECONDS = 30
STOP_SECONDS = 20
# Below the ports that systems lend to outgoing connections, and those of the embedded servers. Each worker of a run has
# some of its own, and each of them comes again only when all others have been given.
FIRST_PORT = 10_000
PORTS = 2_500
WORKERS = 4


class Servers(msgspec.Struct, frozen=True, kw_only=True):
    owner_url: str
    nats_url: str
    redis_url: str
    folder: Path  # the data directory
    processes: dict[str, subprocess.Popen[bytes]]
    commands: dict[str, Command]

    def stop(self) -> None:
        for name, process in self.processes.items():
            process.send_signal(self.commands[name].stop_signal)
        for process in self.processes.values():
            process.wait(STOP_SECONDS)

    def start_again(self, name: str) -> None:
        """With the same command, and so on the same port; returns without waiting for it."""
        self.processes[name] = _run(self.commands[name], self.folder / f"{name}.log")

    def words(self, name: str) -> str:
        """The last of what it has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2_000:]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A directory for the data of servers, which goes with the block.

    The system user that PostgreSQL runs as must get through to it, and each run of pytest closes those of pytest.
    """
    with tempfile.TemporaryDirectory(prefix="waypost-") as folder:
        yield Path(folder).resolve()


def start(folder: Path) -> Servers:
    """Returns when all three answer. From any thread, whether or not a loop runs in it."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, _start(folder)).result()


async def _start(folder: Path) -> Servers:
    data = DataDir(folder / "servers")
    settings = read_settings({})
    data.prepare(settings.local_free_disk_bytes)
    with (folder / "console.log").open("w") as out:
        chosen = choose(settings, data, secret_store.load(data), Console(out, {}))
        started = await asyncio.gather(*(_start_part(part, data.root) for part in chosen.ours))
    return _servers(chosen, data.root, dict(started))


async def _start_part(part: Part, folder: Path) -> tuple[str, tuple[subprocess.Popen[bytes], Command]]:
    await part.prepare()
    command = part.command()
    process = _run(command, folder / f"{part.name}.log")
    async with asyncio.timeout(READY_SECONDS):
        while not await part.answers():
            if process.poll() is not None:
                raise RuntimeError((folder / f"{part.name}.log").read_text()[-2000:])
            await asyncio.sleep(0.02)
    return part.name, (process, command)


def _servers(chosen: ServerSet, folder: Path, started: dict[str, tuple[subprocess.Popen[bytes], Command]]) -> Servers:
    return Servers(
        owner_url=chosen.database_url,
        nats_url=chosen.nats_url,
        redis_url=chosen.redis_url,
        folder=folder,
        processes={name: process for name, (process, _) in started.items()},
        commands={name: command for name, (_, command) in started.items()},
    )


def _run(command: Command, log: Path) -> "subprocess.Popen[bytes]":
    owner = command.owner
    with log.open("ab") as output:
        return subprocess.Popen(
            command.argv,
            stdout=output,
            stderr=output,
            cwd=command.directory,
            env=command.environ,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )


def _candidates() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first = FIRST_PORT + worker * PORTS
    # Nothing is told to a webhook on a port that belongs to memcached.
    ports = [port for port in range(first, first + PORTS) if port not in FORBIDDEN_PORTS]
    first = random.randrange(len(ports))
    return itertools.cycle([*ports[first:], *ports[:first]])


_CANDIDATES = _candidates()


def free_port() -> int:
    """That nobody listens on at 127.0.0.1 right now, and that no other test of this run is given meanwhile."""
    for port in itertools.islice(_CANDIDATES, PORTS):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("No port is free")
