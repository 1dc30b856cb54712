"""Starts parts in groups, keeps them running, reads along in their logs, and stops them in the opposite order."""

import asyncio
from collections.abc import Callable, Sequence

from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.keeper import Keeper
from deploy.local.log_file import LogFile
from deploy.local.part import Part
from deploy.local.state import Process
from shared.settings import Settings
from shared.stopping import cancel

_READ_SECONDS = 0.1


class Supervisor:
    """``changed`` is called whenever `processes` has become different; ``hurry`` cuts short what is being stopped."""

    def __init__(
        self,
        data: DataDir,
        settings: Settings,
        console: Console,
        changed: Callable[[], None],
        hurry: asyncio.Event,
    ) -> None:
        self._hurry = hurry
        self._data = data
        self._settings = settings
        self._console = console
        self._changed = changed
        self._groups: list[list[Keeper]] = []
        self._complaint = ""
        self._reader = asyncio.create_task(self._read_logs(), name="read logs")

    @property
    def processes(self) -> list[Process]:
        return [keeper.process for keeper in self._keepers]

    async def start(self, parts: Sequence[Part]) -> None:
        """Starts the parts side by side; returns when all of them answer. Raises `Trouble` when one will not."""
        group = [self._keep(part) for part in parts]
        self._groups.append(group)
        waiting = [asyncio.create_task(keeper.answered()) for keeper in group]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in waiting:
                task.cancel()
        for task in done:
            task.result()

    async def failed(self) -> None:
        """Never returns while everything is being kept; raises what has ended that."""
        done, _ = await asyncio.wait(
            [self._reader, *(keeper.task for keeper in self._keepers)], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Ends the last group first."""
        for group in reversed(self._groups):
            await asyncio.gather(*(keeper.stop(self._hurry) for keeper in group))
        await cancel([self._reader])
        self._read_once()

    @property
    def _keepers(self) -> list[Keeper]:
        return [keeper for group in self._groups for keeper in group]

    def _keep(self, part: Part) -> Keeper:
        log = LogFile(self._data.logs / f"{part.name}.log", self._settings.local_log_bytes)
        return Keeper(part, log, self._settings, self._console, self._changed)

    async def _read_logs(self) -> None:
        while True:
            self._read_once()
            await asyncio.sleep(_READ_SECONDS)

    def _read_once(self) -> None:
        for keeper in self._keepers:
            try:
                for line in keeper.log.new_lines():
                    if keeper.part.heard:
                        self._console.line(keeper.part.name, line)
                keeper.log.rotate()
            except OSError as error:
                self._complain(f"The log of {keeper.part.name} cannot be kept: {error}")
        self._console.flush()

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self._console.say(text)
