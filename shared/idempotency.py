"""A write that carries an idempotency key is done once: its key, its effect, its facts and its answer commit together.

Every schema has the same table ``idempotency (workspace, mode, key, fingerprint bytea, asked_at timestamptz, reply
bytea)``. Whoever repeats a request gets the stored answer; whoever comes while the first one is still at work waits for
its transaction. The database decides who was first.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar
from weakref import WeakValueDictionary

import asyncpg

from shared.contracts.ask import Tentative
from shared.database import Connection, Database
from shared.encoding import encode
from shared.faults import Code, Fault
from shared.once import Kept, Once
from shared.sealing import Sealer
from shared.settings import Settings
from shared.upkeep import keep_doing

A = TypeVar("A")

FIELD = "idempotency_key"


class Turns:
    """Of the writes with one key, one at a time goes to the database: the others must not keep its connections busy."""

    def __init__(self) -> None:
        # A lock is there as long as somebody has it or waits for it.
        self._locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def take(self, once: Once, wait_seconds: float) -> AsyncIterator[float]:
        """BUSY when it takes too long, else how many seconds may still be waited elsewhere."""
        lock = self._locks.setdefault((once.workspace, once.mode, once.key), asyncio.Lock())
        began = time.monotonic()
        try:
            async with asyncio.timeout(wait_seconds):
                await lock.acquire()
        except TimeoutError:
            raise _still_running() from None
        try:
            yield wait_seconds - (time.monotonic() - began)
        finally:
            lock.release()


class Attempt:
    """One such write at work. However many transactions its handler opens, they are one, which `keep` completes.

    It commits when the attempt is left, and not before; an exception takes everything back.
    """

    def __init__(
        self,
        database: Database,
        once: Once,
        sealer: Sealer,
        forgotten: datetime,
        *,
        wait_seconds: float,
        confidential: bool,
    ) -> None:
        """What was asked for until ``forgotten`` is not known any more."""
        self._database = database
        self._once = once
        self._wait_seconds = wait_seconds
        self._sealer = sealer
        self._confidential = confidential
        # A request may hold a password that could be guessed, if its plain hash were at hand.
        self._fingerprint = sealer.mark(once.fingerprint)
        self._forgotten = forgotten
        self._open = contextlib.AsyncExitStack()
        self._tx: Connection | None = None

    async def __aenter__(self) -> "Attempt":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._open.__aexit__(kind, error, traceback)

    async def look(self) -> Kept | None:
        """The answer of an earlier request. Asked for before anything is checked that may have changed since."""
        async with self._database.connection() as db:
            return await self._find(db)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """The handler's own; what it does takes effect with the rest. Raises `Overtaken`."""
        if self._tx is not None:
            async with self._tx.transaction():
                yield self._tx
            return
        try:
            yield await self._begin()
        except BaseException:
            self._tx = None
            if not await self._open.__aexit__(*sys.exc_info()):
                raise

    async def keep(self, answer: object) -> None:
        tx = self._tx or await self._begin()
        reply = encode(answer)
        if self._confidential:
            reply = self._sealer.seal(reply, _place(self._once))
        await _store(tx, self._once, reply)

    async def _begin(self) -> Connection:
        self._tx = tx = await self._open.enter_async_context(self._database.transaction())
        try:
            first = await _claim(tx, self._once, self._fingerprint, self._forgotten, self._wait_seconds)
        except asyncpg.LockNotAvailableError:
            raise _still_running() from None
        if not first:
            kept = await self._find(tx)
            raise Overtaken(kept) if kept else _still_running()
        return tx

    async def _find(self, db: Connection) -> Kept | None:
        row = await _find_reply(db, self._once, self._forgotten)
        if row is None:
            return None
        if row["fingerprint"] != self._fingerprint:
            raise Fault(Code.IMPOSSIBLE, "This idempotency key was used for another request", field=FIELD)
        reply: bytes = row["reply"]
        if self._confidential:
            reply = self._sealer.open(reply, _place(self._once))
        return Kept(reply, row["asked_at"])


class Overtaken(Exception):
    """The same request has been completed by somebody else in the meantime."""

    def __init__(self, kept: Kept) -> None:
        super().__init__("the same request was completed by somebody else")
        self.kept = kept


class _UndoneError(Exception):
    """Nothing was done, as the answer says."""


async def carry_out(attempt: Attempt, work: Callable[[], Awaitable[A]]) -> A | Kept:
    """Does ``work``, whose transactions are the attempt's, unless it was done before."""
    try:
        async with attempt:
            if (kept := await attempt.look()) is not None:
                return kept
            answer = await work()
            if isinstance(answer, Tentative) and not answer.done:
                raise _UndoneError
            await attempt.keep(answer)
    except Overtaken as overtaken:
        return overtaken.kept
    except _UndoneError:
        pass
    return answer


async def forget(database: Database, settings: Settings) -> None:
    """Deletes what has been kept long enough, for as long as the service runs; nobody looks at it any more."""
    await keep_doing(
        "The deletion of old answers",
        lambda: tidy(database, settings, datetime.now(UTC)),
        settings.housekeeping_seconds / settings.time_scale,
    )


async def tidy(database: Database, settings: Settings, now: datetime) -> None:
    """Any number of copies may do this at the same time."""
    before, most = forgotten_at(settings, now), settings.housekeeping_rows
    async with database.connection() as db:
        # In small steps, each a transaction of its own, so that nobody waits long for their locks.
        while await _delete_replies(db, before, most) == most:
            pass


def forgotten_at(settings: Settings, now: datetime) -> datetime:
    """What was asked for until then has been kept long enough."""
    return now - timedelta(seconds=settings.idempotency_keep_seconds) / settings.time_scale


def _place(once: Once) -> bytes:
    return encode((once.workspace, once.mode, once.key, once.fingerprint))


def _still_running() -> Fault:
    return Fault(Code.BUSY, "The same request is still being worked on", retry_after=1)


async def _find_reply(db: Connection, once: Once, forgotten: datetime) -> asyncpg.Record | None:
    return await db.fetchrow(
        """
        select fingerprint, asked_at, reply from idempotency
        where workspace = $1 and mode = $2 and key = $3 and asked_at > $4
        """,
        once.workspace,
        once.mode,
        once.key,
        forgotten,
    )


async def _claim(tx: Connection, once: Once, fingerprint: bytes, forgotten: datetime, wait_seconds: float) -> bool:
    """False when the key is taken. Waits for a transaction that is about to take it or not; then LockNotAvailable.

    For whatever else this transaction has to wait, it waits no longer either.
    """
    return bool(
        await tx.fetchval(
            """
            with patience as materialized (select set_config('lock_timeout', $7, true))
            insert into idempotency (workspace, mode, key, fingerprint, asked_at)
            select $1, $2, $3, $4, $5 from patience
            on conflict (workspace, mode, key) do update
            set fingerprint = excluded.fingerprint, asked_at = excluded.asked_at, reply = null
            where idempotency.asked_at <= $6
            returning true
            """,
            once.workspace,
            once.mode,
            once.key,
            fingerprint,
            once.asked_at,
            forgotten,
            # Nought would mean to wait for ever.
            f"{max(round(wait_seconds * 1000), 1)}ms",
        )
    )


async def _store(tx: Connection, once: Once, reply: bytes) -> None:
    await tx.execute(
        "update idempotency set reply = $4 where workspace = $1 and mode = $2 and key = $3",
        once.workspace,
        once.mode,
        once.key,
        reply,
    )


async def _delete_replies(db: Connection, before: datetime, most: int) -> int:
    """How many there were."""
    status = await db.execute(
        """
        delete from idempotency where ctid = any(array(
            select ctid from idempotency where asked_at <= $1 order by asked_at limit $2 for update skip locked
        ))
        """,
        before,
        most,
    )
    return int(status.rpartition(" ")[2])
