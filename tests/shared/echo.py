"""Questions for trying out the bus with, and how they are answered."""

import asyncio
import time
from typing import Any

import msgspec

from shared import context
from shared.answering import Answerer
from shared.bus import Bus
from shared.contracts.ask import Ask, Event
from shared.faults import Code, Detail, Fault


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What an answerer knew of the request it worked for."""

    request: str
    deadline: float


class Slow(Ask[str], frozen=True, kw_only=True):
    """Answers with the name of the copy after ``seconds``."""

    name: str = ""
    seconds: float = 0.2


class Meet(Ask[str], frozen=True, kw_only=True):
    """Answers with the name of the copy when so many of them are asked at the same time, and not before."""

    name: str
    number: int


class Crash(Ask[str], frozen=True, kw_only=True):
    secret: str


class Refuse(Ask[str], frozen=True, kw_only=True):
    message: str


class Large(Ask[str], frozen=True, kw_only=True):
    """Answers with that many letters; ``padding`` makes the question large."""

    letters: int = 0
    padding: str = ""


class Look(Ask[Seen], frozen=True, kw_only=True):
    pass


class LookFurther(Ask[Seen], frozen=True, kw_only=True):
    """Asks `Look` on behalf of whoever asked, with far more time than there is."""


class WaitFurther(Ask[str], frozen=True, kw_only=True):
    """Asks `Slow` on behalf of whoever asked, with far more time than there is."""

    seconds: float


class Promised(Ask[int], frozen=True, kw_only=True):
    """Is promised a number and answered with something else."""


class Rang(Event, frozen=True, kw_only=True):
    number: int


class Echo:
    """One copy's answerers, and the names of the questions they have begun and finished."""

    def __init__(self, bus: Bus, copy: str = "one") -> None:
        self._bus = bus
        self._copy = copy
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.side_by_side = 0
        self._running = 0
        self._meetings: dict[int, asyncio.Barrier] = {}
        self.answerers: dict[type[Ask[Any]], Answerer] = {
            Slow: self.slow,
            Meet: self.meet,
            Crash: self.crash,
            Refuse: self.refuse,
            Large: self.large,
            Look: self.look,
            LookFurther: self.look_further,
            WaitFurther: self.wait_further,
            Promised: self.promised,
        }

    async def slow(self, question: Slow) -> str:
        self.begun.append(question.name)
        self._running += 1
        self.side_by_side = max(self.side_by_side, self._running)
        try:
            await asyncio.sleep(question.seconds)
        finally:
            self._running -= 1
        self.finished.append(question.name)
        return self._copy

    async def meet(self, question: Meet) -> str:
        self.begun.append(question.name)
        await self._meetings.setdefault(question.number, asyncio.Barrier(question.number)).wait()
        return self._copy

    async def crash(self, question: Crash) -> str:
        raise RuntimeError(f"the inside knows {question.secret}")

    async def refuse(self, question: Refuse) -> str:
        details = (Detail("slug", "is taken"), Detail("url", "führt nirgendwohin"))
        raise Fault(Code.LIMITED, question.message, details=details, retry_after=7)

    async def large(self, question: Large) -> str:
        return "x" * question.letters

    async def look(self, question: Look) -> Seen:
        deadline = context.deadline.get()
        assert deadline
        return Seen(request=context.request_id.get(), deadline=deadline)

    async def look_further(self, question: LookFurther) -> Seen:
        return await self._bus.ask(Look(), timeout=60)

    async def wait_further(self, question: WaitFurther) -> str:
        began = time.monotonic()
        try:
            return await self._bus.ask(Slow(seconds=question.seconds), timeout=60)
        except Fault as fault:
            return f"{fault.code} after {time.monotonic() - began:.1f} s"

    async def promised(self, question: Promised) -> str:
        return "no number"
