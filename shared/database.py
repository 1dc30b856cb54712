"""PostgreSQL as one service sees it: its own schema, its own role, a bounded pool."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from shared.faults import Code, Fault
from shared.settings import Settings
from shared.tracing import TRACING

Connected = asyncpg.pool.PoolConnectionProxy
Connection = asyncpg.Connection | Connected

log = logging.getLogger(__name__)

# The server is away, starting, stopping, full or too slow: all of it passes, and none of it is the caller's mistake.
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,  # TimeoutError included
)
# The role, the database, the schema or its tables are still to be made by whoever migrates, or being changed.
_NOT_YET = (
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
)
_LOOK_SECONDS = 0.25
_AT_HAND = 4  # connections


class Use:
    """How the connections are used, as plain numbers."""

    def __init__(self) -> None:
        self.in_use = 0
        self.waiting = 0
        self.taken = 0
        self.waited = 0
        self.timeouts = 0
        self.failures = 0


class Database:
    """The pool of one service copy. Made by `connect`."""

    def __init__(self, pool: asyncpg.Pool, service: str, settings: Settings) -> None:
        self.use = Use()
        self._pool = pool
        self._wanted = {path.stem for path in migrations_of(service)}
        self._settings = settings
        self._places = asyncio.Semaphore(settings.database_pool_size)
        # To take a connection from the pool and to give it back costs as much as a short statement. So some stay out
        # and go from hand to hand; the pool closes the others when they have not been used for a while.
        self._at_hand: list[Connected] = []
        self._most_at_hand = _AT_HAND

    @property
    def open_connections(self) -> int:
        return self._pool.get_size()

    @property
    def most_connections(self) -> int:
        return self._pool.get_max_size()

    async def missing_migrations(self) -> list[str]:
        """Those that this code knows and the schema does not have."""
        async with self.connection() as db:
            return await _missing(db, self._wanted)

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """For reading. UNAVAILABLE when no connection is free in time or the server is away."""
        connection = await self._take()
        in_order = False
        try:
            yield connection
            in_order = True
        except (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError) as error:
            # Nothing is wrong with the server. Of those who waited for each other, the others get through.
            message = "Others change the same things right now; please try again"
            raise Fault(Code.UNAVAILABLE, message, retry_after=1) from error
        except _PASSING as error:
            raise self._unavailable(error) from error
        except asyncio.CancelledError:
            # Cut off between preparing and executing, the server waits for the second step, until it loses patience
            # with whoever uses the connection next.
            connection.terminate()
            raise
        except asyncpg.InternalClientError as error:
            # The server went away between two steps of the protocol: this connection is of no use any more.
            connection.terminate()
            raise self._unavailable(error) from error
        except asyncpg.InterfaceError as error:
            # The client library says with one word that the connection has gone and that it was used wrongly.
            if not _gone(connection):
                raise
            raise self._unavailable(error) from error
        finally:
            self.use.in_use -= 1
            try:
                if in_order and len(self._at_hand) < self._most_at_hand:
                    self._at_hand.append(connection)
                else:
                    await self._release(connection)
            finally:
                self._places.release()

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """For writing: all of it or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """For reading more than one thing as they all are at one moment."""
        async with self.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            yield db

    async def close(self) -> None:
        """Waits for whoever still has a connection, but not for long."""
        self._most_at_hand = 0
        try:
            async with asyncio.timeout(self._settings.database_acquire_timeout_seconds):
                while self._at_hand:
                    await self._release(self._at_hand.pop())
                await self._pool.close()
        except (*_PASSING, asyncpg.InterfaceError):
            self._pool.terminate()

    async def _take(self) -> Connected:
        try:
            if self._places.locked():
                await self._wait()
            else:
                await self._places.acquire()
        except TimeoutError as error:
            self.use.timeouts += 1
            raise self._unavailable(error) from error
        self.use.taken += 1
        self.use.in_use += 1
        try:
            while self._at_hand:
                connection = self._at_hand.pop()
                if not _gone(connection):
                    return connection
                await self._release(connection)
            return await self._pool.acquire(timeout=self._settings.database_acquire_timeout_seconds)
        except BaseException as error:
            self.use.in_use -= 1
            self._places.release()
            if isinstance(error, (*_PASSING, asyncpg.InterfaceError)):
                raise self._unavailable(error) from error
            raise

    async def _wait(self) -> None:
        self.use.waited += 1
        self.use.waiting += 1
        try:
            async with asyncio.timeout(self._settings.database_acquire_timeout_seconds):
                await self._places.acquire()
        finally:
            self.use.waiting -= 1

    async def _release(self, connection: Connected) -> None:
        # A connection whose statement was cancelled needs the server's word for it; a hung server gives none.
        try:
            await self._pool.release(connection, timeout=self._settings.database_acquire_timeout_seconds)
        except (*_PASSING, asyncpg.InterfaceError) as error:
            log.warning("A connection was dropped: %s", _words(error))

    def _unavailable(self, error: BaseException) -> Fault:
        self.use.failures += 1
        log.warning("The database is out of reach: %s", _words(error))
        return Fault(Code.UNAVAILABLE, "The database cannot be reached right now")


@contextlib.asynccontextmanager
async def connect(settings: Settings, service: str) -> AsyncIterator[Database]:
    """The service's pool; waits until the server is there and the schema has every migration this code knows."""
    pool = await _until_there(settings)
    database = Database(pool, service, settings)
    try:
        await _until_migrated(pool, service)
        yield database
    finally:
        await database.close()


def migrations_of(service: str) -> list[Path]:
    """The migration files of a service, in the order in which they are run."""
    folder = Path(__file__).parent.parent / "services" / service / "migrations"
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))


async def _until_there(settings: Settings) -> asyncpg.Pool:
    told = ""
    while True:
        try:
            return await asyncpg.create_pool(
                settings.database_url,
                min_size=1,
                max_size=settings.database_pool_size,
                timeout=settings.database_acquire_timeout_seconds,
                command_timeout=settings.database_statement_timeout_seconds + 1,
                reset=_keep,
                init=_trace if TRACING.spans else None,
                server_settings={"application_name": f"waypost {settings.process_name}"},
            )
        except (*_PASSING, *_NOT_YET, asyncpg.InterfaceError) as error:
            told = _tell_once(told, f"Waiting for PostgreSQL: {_words(error)}")
            await asyncio.sleep(_LOOK_SECONDS)


async def _keep(connection: Connection) -> None:
    """Nothing here changes a session's state, so the round trip that would put it back is not needed."""


async def _trace(connection: Connection) -> None:
    assert TRACING.spans
    connection.add_query_logger(TRACING.spans.statement)


async def _until_migrated(pool: asyncpg.Pool, service: str) -> None:
    wanted = {path.stem for path in migrations_of(service)}
    told = ""
    while True:
        try:
            missing = await _missing(pool, wanted)
        except (*_PASSING, *_NOT_YET, asyncpg.InterfaceError) as error:
            told = _tell_once(told, f"Waiting for migrations: {_words(error)}")
        else:
            if not missing:
                return
            told = _tell_once(told, f"Waiting for migrations: {', '.join(missing)}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _missing(db: Connection | asyncpg.Pool, wanted: set[str]) -> list[str]:
    done = {row["name"] for row in await db.fetch("select name from migrations")}
    return sorted(wanted - done)


def _tell_once(told: str, words: str) -> str:
    if words != told:
        log.info(words)
    return words


def _gone(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool has taken it back already, which it does with a broken connection only.
        return True


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
