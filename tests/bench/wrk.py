"""The load generator wrk: one thread, 32 connections, and an error for every answer that is not what was asked for."""

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psutil

CONNECTIONS = 32
_SCRIPTS = Path(__file__).parent


class Missing(Exception):
    """A program that the measurement needs is not there."""


class Server(msgspec.Struct, frozen=True):
    """What is loaded, and the processes whose time it costs."""

    url: str
    pids: tuple[int, ...]


class Load(msgspec.Struct, frozen=True):
    """Always the same request, or what ``script`` makes of ``arguments``."""

    path: str
    script: str | None = None
    arguments: tuple[str, ...] = ()


class Turn(msgspec.Struct, frozen=True):
    """What one run of wrk has seen."""

    per_second: float
    cpu_us: float  # of the server's processes, for one request


def find() -> str:
    path = shutil.which("wrk")
    if path is None:
        raise Missing("The load generator wrk is not installed; most distributions have a package of that name")
    return path


async def run(server: Server, load: Load, seconds: float) -> Turn:
    """Raises RuntimeError when an answer was lost or was not 2xx or 3xx."""
    before = _cpu_seconds(server.pids)
    output = await _output(_command(server.url + load.path, load, seconds))
    used = _cpu_seconds(server.pids) - before
    requests = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if not requests or not rate or "Socket errors" in output or "Non-2xx" in output or int(requests[1]) == 0:
        raise RuntimeError(f"wrk did not get what it asked for:\n{output}")
    return Turn(float(rate[1]), used * 1_000_000 / int(requests[1]))


def _command(url: str, load: Load, seconds: float) -> list[str]:
    command = [find(), "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:.0f}s", "--timeout", "10s"]
    if load.script:
        command += ["-s", str(_SCRIPTS / load.script)]
    return [*command, url, "--", *load.arguments]


async def _output(command: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"wrk has failed:\n{output.decode()}")
    return output.decode()


def _cpu_seconds(pids: Sequence[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(time.user + time.system for time in times)
