"""What a gateway remembers of the services' answers: bounded, told of changes, and honest when a service is away.

An answer is used while it is fresh. Then it is asked for again; as long as nobody answers, the old one serves, until it
is stale, and only now and then somebody waits to find out. One that is in use is asked for a little before, so that
nobody has to wait. Requests that miss the same key share one question. A change that arrives while its question is
under way keeps that answer out of the memory, since it may be older than the change.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from shared.context import deadline
from shared.faults import Code, Fault

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_PASSING = (Code.UNAVAILABLE, Code.TIMEOUT)
RETRY_SECONDS = 1.0  # after a failed refresh, how long the old answer serves before the next attempt
# After which parts of its time an answer is renewed: not all at once what came in at once.
_RENEWED_AFTER = (0.6, 0.9)
_MOST_RENEWED = 16  # questions at the same time; more would keep those waiting who have no answer at all

log = logging.getLogger(__name__)


class Entry(Generic[V]):
    __slots__ = ("asked_at", "fresh_until", "renew_at", "used_at", "value")

    def __init__(self, value: V, asked_at: float, fresh_seconds: float) -> None:
        self.value = value
        self.asked_at = self.used_at = asked_at
        self.fresh_until = asked_at + fresh_seconds
        self.renew_at = asked_at + fresh_seconds * random.uniform(*_RENEWED_AFTER)


class Question(Generic[V]):
    """A question under way, and whether its answer may still be remembered."""

    __slots__ = ("answer", "doubtful")

    answer: "asyncio.Future[V]"

    def __init__(self) -> None:
        self.doubtful = False


class Memory(Generic[K, V]):
    """Times are in seconds of the monotonic clock."""

    def __init__(
        self,
        ask: Callable[[K], Awaitable[V]],
        *,
        entries: int,
        fresh_seconds: Callable[[V], float],
        stale_seconds: float,
        patience_seconds: float,
    ) -> None:
        """``patience_seconds``: how long a request waits for a refresh while an old answer is at hand."""
        self._ask = ask
        self._most = entries
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = stale_seconds
        self._patience_seconds = patience_seconds
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._questions: dict[K, Question[V]] = {}
        self._silent_until = 0.0  # nobody answered in time a moment ago
        # Look-ups that were answered at once, by asking, and by what was too old but had to do.
        self.hits = self.misses = self.makeshifts = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def most(self) -> int:
        return self._most

    def fresh(self, key: K, now: float) -> Entry[V] | None:
        """The remembered answer, if nobody has to wait for it. The one look-up of the hot path."""
        entry = self._entries.get(key)
        if entry is None or entry.fresh_until <= now:
            return None
        self.hits += 1
        entry.used_at = now
        if entry.renew_at <= now and len(self._questions) < _MOST_RENEWED:
            entry.renew_at = now + RETRY_SECONDS
            self._question(key)
        return entry

    async def get(self, key: K) -> V:
        """The answer; raises the service's `Fault` when there is none, not even an old one that will do."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return await asyncio.shield(self._question(key))
        entry.used_at = time.monotonic()
        if entry.fresh_until > entry.used_at:
            self.hits += 1
            return entry.value
        if entry.used_at < self._silent_until and self._will_do(entry):
            self.makeshifts += 1
            return entry.value
        self.misses += 1
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await asyncio.shield(self._question(key))
        except TimeoutError:
            fault = Fault(Code.TIMEOUT, "No answer in time")
        except Fault as refusal:
            if refusal.code not in _PASSING:
                raise
            fault = refusal
        if self._entries.get(key) is not entry:
            # A change has come in the meantime, and what is older than it will not do.
            return await self.get(key)
        # Whoever asks for something else need not find it out anew.
        self._silent_until = time.monotonic() + RETRY_SECONDS
        return self._old(key, entry, fault)

    def forget(self, key: K, *, unless: Callable[[V], bool] = lambda _value: False) -> None:
        """Something about it has changed, ``unless`` what is remembered shows that the change is known already."""
        entry = self._entries.get(key)
        if entry is not None and unless(entry.value):
            return
        self._entries.pop(key, None)
        if (question := self._questions.pop(key, None)) is not None:
            question.doubtful = True

    def forget_where(self, matches: Callable[[V], bool]) -> None:
        """Like `forget` for every answer that ``matches``; looks at all of them, so not for every request."""
        for key in [key for key, entry in self._entries.items() if matches(entry.value)]:
            self.forget(key)
        self._doubt_questions()

    def doubt_all(self) -> None:
        """Changes may have been missed: everything is asked for again before it is used, if anybody answers."""
        for entry in self._entries.values():
            entry.fresh_until = 0.0
        self._doubt_questions()

    def _doubt_questions(self) -> None:
        """Nobody knows yet what they are answered, so it may be something that has just changed."""
        for question in self._questions.values():
            question.doubtful = True
        self._questions.clear()

    def _old(self, key: K, entry: Entry[V], fault: Fault) -> V:
        if not self._will_do(entry):
            del self._entries[key]
            raise fault
        self.makeshifts += 1
        entry.fresh_until = min(time.monotonic() + RETRY_SECONDS, entry.asked_at + self._stale_seconds)
        return entry.value

    def _will_do(self, entry: Entry[V]) -> bool:
        return time.monotonic() < entry.asked_at + self._stale_seconds

    def _question(self, key: K) -> "asyncio.Future[V]":
        question = self._questions.get(key)
        if question is None:
            question = self._questions[key] = Question()
            question.answer = asyncio.create_task(self._answer(key, question))
            question.answer.add_done_callback(_hear)
        return question.answer

    async def _answer(self, key: K, question: Question[V]) -> V:
        # Many requests may wait for this answer, so the deadline of the first of them is not its own.
        deadline.set(None)
        asked_at = time.monotonic()
        try:
            value = await self._ask(key)
            if not question.doubtful:
                self._remember(key, Entry(value, asked_at, self._fresh_seconds(value)))
            return value
        finally:
            self._end(key, question)

    def _end(self, key: K, question: Question[V]) -> None:
        if self._questions.get(key) is question:
            del self._questions[key]

    def _remember(self, key: K, entry: Entry[V]) -> None:
        # The oldest answer goes first. A plain dict would look through all the places of those that have gone before.
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)


def _hear(question: "asyncio.Future[V]") -> None:
    """Whoever waits gets the failure itself; but all may have gone, and then a crash must not go unnoticed."""
    failure = None if question.cancelled() else question.exception()
    if failure is not None and not isinstance(failure, Fault):
        log.error("A question ended in a crash", exc_info=failure)
