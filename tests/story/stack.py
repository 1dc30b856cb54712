"""Waypost as an operator has it: started by ``make up``, spoken to by ``waypost`` and over HTTP."""

import asyncio
import contextlib
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

ROOT = Path(__file__).parent.parent.parent
RESTART_SECONDS = 60  # many times what it takes on a machine with nothing else to do
WAYPOST = ROOT / ".venv" / "bin" / "waypost"


class Stack:
    """One ``make up`` with its data in ``data``, on a free port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.key = ""
        self._make: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.output: list[str] = []

    async def start(self) -> None:
        """Returns when the ready line and the panel with the demo key are there."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        self.url = self.key = ""
        self.output.clear()
        log = self.data.with_suffix(".log").open("ab")
        self._make = await asyncio.create_subprocess_exec(
            "make",
            "--silent",
            "up",
            "PORT=0",
            f"DATA={self.data}",
            cwd=ROOT,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self._reading = asyncio.create_task(self._read())
        async with asyncio.timeout(60):
            while not self.key:
                assert not self._reading.done(), self.data.with_suffix(".log").read_text()[-4000:]
                await asyncio.sleep(0.05)

    async def status(self) -> Any:
        return await self.command("status")

    async def command(self, *words: str) -> Any:
        """What ``waypost …`` prints, as JSON; fails when it fails."""
        process = await asyncio.create_subprocess_exec(
            WAYPOST, *words, "--data", self.data, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return msgspec.json.decode(out)

    async def kill_one(self, name: str) -> None:
        """kill -9 of the process of that name; returns when another one runs in its place."""
        old = await self._pid_of(name)
        assert old
        os.kill(old, signal.SIGKILL)
        end = time.monotonic() + RESTART_SECONDS
        while await self._pid_of(name) in (old, None):
            assert time.monotonic() < end, f"{name} did not come back:\n{self._last_words(name)}"
            await asyncio.sleep(0.1)

    async def _pid_of(self, name: str) -> int | None:
        """While it runs."""
        (found,) = [process for process in (await self.status())["processes"] if process["name"] == name]
        return found["pid"] if found["state"] == "running" else None

    def _last_words(self, name: str) -> str:
        logs = [self.data.with_suffix(".log"), *(self.data / "logs").glob(f"{name}*.log")]
        return "\n".join(f"{log}:\n{log.read_text()[-3000:]}" for log in logs)

    async def interrupt(self) -> int:
        """Ctrl-C, as the terminal sends it: to everything in the foreground. Returns the exit status."""
        assert self._make
        assert self._reading
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._make.pid, signal.SIGINT)
        status = await asyncio.wait_for(self._make.wait(), 30)
        await self._reading
        return status

    async def kill(self) -> None:
        """kill -9 of make and of the supervisor, which has no chance to stop anything."""
        assert self._make
        assert self._reading
        family = psutil.Process(self._make.pid).children(recursive=False)
        for process in (psutil.Process(self._make.pid), *family):
            process.kill()
        await self._make.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._make
        assert self._make.stdout
        async for raw in self._make.stdout:
            line = raw.decode()
            self.output.append(line)
            if ready := re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", line):
                self.url = ready[1]
            if shown := re.search(r"ezx_[0-9a-f]{64}", line):
                self.key = shown[0]
