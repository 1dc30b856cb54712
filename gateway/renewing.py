"""A memory that renews by itself what is in use: many answers with one question, before anybody has to wait."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from gateway.memory import RETRY_SECONDS, Entry, K, Memory, Question, V
from shared.faults import Fault

_TICK_SECONDS = 0.25  # what comes due within one tick is asked for together

log = logging.getLogger(__name__)


class RenewingMemory(Memory[K, V]):
    """A `Memory` whose `renew` runs all the time."""

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V]],
        ask_many: Callable[[Sequence[K]], Awaitable[Sequence[V]]],
        *,
        at_once: int,
        in_use_seconds: Callable[[V], float],
        entries: int,
        fresh_seconds: Callable[[V], float],
        stale_seconds: float,
        patience_seconds: float,
    ) -> None:
        """``ask_many`` takes up to ``at_once`` keys and answers in their order.

        ``in_use_seconds``: how long after its last use an answer is still renewed.
        """
        super().__init__(
            ask,
            entries=entries,
            fresh_seconds=fresh_seconds,
            stale_seconds=stale_seconds,
            patience_seconds=patience_seconds,
        )
        self._ask_many = ask_many
        self._at_once = at_once
        self._in_use_seconds = in_use_seconds
        self._ticks: dict[int, list[K]] = {}  # which keys come due in which tick of the clock
        self._due: deque[K] = deque()

    async def renew(self) -> None:
        """For ever."""
        tick = _tick(time.monotonic())
        while True:
            # One tick ahead, so that no visitor asks for a single answer that comes with the next many.
            while tick <= _tick(time.monotonic()) + 1:
                self._due.extend(self._ticks.pop(tick, ()))
                tick += 1
            while self._due and await self._renew_some():
                pass
            await asyncio.sleep(RETRY_SECONDS if self._due else _TICK_SECONDS)

    def doubt_all(self) -> None:
        super().doubt_all()
        for entry in self._entries.values():
            entry.renew_at = 0.0
        self._due = deque(self._entries)

    def _remember(self, key: K, entry: Entry[V]) -> None:
        super()._remember(key, entry)
        self._ticks.setdefault(_tick(entry.renew_at), []).append(key)

    async def _renew_some(self) -> bool:
        """False when the service does not answer; then what was to be renewed is due again."""
        now = time.monotonic()
        taken: list[K] = []
        while self._due and len(taken) < self._at_once:
            key = self._due.popleft()
            if self._wants(key, now):
                taken.append(key)
        if not taken:
            return True
        failure = await self._ask_together(taken)
        if failure is None:
            return True
        if not isinstance(failure, Fault):
            log.error("A question ended in a crash", exc_info=failure)
        self._due.extendleft(reversed(taken))
        return False

    def _wants(self, key: K, now: float) -> bool:
        """Not what has been forgotten or asked for since, nor what nobody uses."""
        entry = self._entries.get(key)
        if entry is None or key in self._questions or entry.renew_at > now + 2 * _TICK_SECONDS:
            return False
        return now - entry.used_at <= self._in_use_seconds(entry.value)

    async def _ask_together(self, keys: list[K]) -> Exception | None:
        questions: dict[K, Question[V]] = {key: Question() for key in keys}
        for question in questions.values():
            question.answer = asyncio.get_running_loop().create_future()
        self._questions |= questions
        asked_at = time.monotonic()
        try:
            values = await self._ask_many(keys)
            for (key, question), value in zip(questions.items(), values, strict=True):
                if not question.doubtful:
                    self._renewed(key, Entry(value, asked_at, self._fresh_seconds(value)))
                question.answer.set_result(value)
        except Exception as error:  # noqa: BLE001 - whoever waits for one of the answers gets it
            for question in questions.values():
                if not question.answer.done():
                    question.answer.set_exception(error)
                    # Perhaps nobody waits for it; who does gets it all the same.
                    question.answer.exception()
            return error
        finally:
            for key, question in questions.items():
                self._end(key, question)
        return None

    def _renewed(self, key: K, entry: Entry[V]) -> None:
        if (old := self._entries.get(key)) is not None:
            entry.used_at = old.used_at
        self._remember(key, entry)


def _tick(at: float) -> int:
    return int(at / _TICK_SECONDS)
