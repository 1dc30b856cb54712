"""Keeps one part running: starts it, waits until it answers, starts it again when it dies."""

import asyncio
import time
from collections.abc import Callable

from deploy.local.backoff import Backoff
from deploy.local.child import Child, describe
from deploy.local.console import Console
from deploy.local.log_file import LogFile, last_words
from deploy.local.part import Part
from deploy.local.state import Phase, Process
from deploy.local.trouble import Trouble
from shared.settings import Settings
from shared.stopping import cancel

DEATHS_AT_START = 5
_LOOK_SECONDS = 0.05


class Keeper:
    """``changed`` is called whenever `process` has become different."""

    def __init__(
        self, part: Part, log: LogFile, settings: Settings, console: Console, changed: Callable[[], None]
    ) -> None:
        self.part = part
        self.log = log
        self._settings = settings
        self._console = console
        self._changed = changed
        self._child: Child | None = None
        self._phase = Phase.STARTING
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Ends only with an exception: a `Trouble` that the part will never get over.
        self.task = asyncio.create_task(self._keep(), name=f"keep {part.name}")

    @property
    def process(self) -> Process:
        child = self._child
        return Process(
            name=self.part.name,
            pid=child.pid if child else None,
            create_time=child.create_time if child else 0.0,
            state=self._phase,
            address=self.part.address,
            metrics=self.part.metrics,
        )

    async def answered(self) -> None:
        """Returns when it has answered for the first time; raises `Trouble` when it will not."""
        await asyncio.wait({self._answered, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()

    async def stop(self, hurry: asyncio.Event) -> None:
        await cancel([self.task])
        if self._child:
            await self._child.stop(self._settings.stop_timeout_seconds, hurry)
            self._child = None
        if self._phase is not Phase.FAILED:
            self._turn(Phase.STOPPED)

    async def _keep(self) -> None:
        try:
            await self.part.prepare()
            await self._run()
        except Trouble:
            self._turn(Phase.FAILED)
            raise

    async def _run(self) -> None:
        backoff, deaths = Backoff(), 0
        while True:
            began = time.monotonic()
            child = self._start()
            if await self._wait_for_answer(child, began):
                began = time.monotonic()
                self._has_answered()
            status = await child.gone()
            backoff.was_well_for(time.monotonic() - began if self._phase is Phase.RUNNING else 0.0)
            self._child = None
            deaths += 1
            if not self._answered.done() and deaths >= DEATHS_AT_START:
                raise self._gives_up(
                    f"ended {deaths} times before it could serve, the last time with {describe(status)}"
                )
            pause = backoff.wait()
            self._console.say(f"{self.part.name} ended with {describe(status)}; starting it again in {pause:.1f} s")
            self._turn(Phase.RESTARTING)
            await asyncio.sleep(pause)

    def _start(self) -> Child:
        child = self._child = Child(self.part.command(), self.log)
        self._turn(Phase.RESTARTING if self._answered.done() else Phase.STARTING)
        return child

    async def _wait_for_answer(self, child: Child, began: float) -> bool:
        while child.status is None:
            if await self.part.answers():
                return True
            waited = time.monotonic() - began
            if not self._answered.done() and waited > self._settings.local_start_timeout_seconds:
                raise self._gives_up(f"has not answered for {waited:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    def _has_answered(self) -> None:
        self.part.settle()
        if not self._answered.done():
            self._answered.set_result(None)
        self._turn(Phase.RUNNING)

    def _gives_up(self, what: str) -> Trouble:
        return Trouble(f"{self.part.name} {what}. {last_words(self.log)}")

    def _turn(self, phase: Phase) -> None:
        self._phase = phase
        self._changed()
