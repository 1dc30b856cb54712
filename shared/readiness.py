"""Whether this process can do its work, and if not, why: in words, for a balancer, a supervisor or a person."""

import asyncio

import asyncpg

from shared.bus import Bus
from shared.database import Database
from shared.faults import Fault
from shared.settings import Settings

READY = "ready"


class Readiness:
    def __init__(self, settings: Settings) -> None:
        self._timeout_seconds = settings.metrics_probe_timeout_seconds
        self._bus: Bus | None = None
        self._database: Database | None = None
        self.stopping = False

    def reached(self, bus: Bus, database: Database | None = None) -> None:
        """Everything stands; from now on it depends on these."""
        self._bus = bus
        self._database = database

    async def word(self) -> str:
        """`READY`, or what is missing."""
        if self.stopping:
            return "stopping"
        if self._bus is None:
            return "starting; not all servers have been reached yet"
        if not self._bus.connected:
            return "NATS is out of reach"
        if not self._bus.answers:
            return "NATS does not answer"
        return READY if self._database is None else await self._word_of(self._database)

    async def _word_of(self, database: Database) -> str:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                missing = await database.missing_migrations()
        except (Fault, TimeoutError, asyncpg.PostgresError):
            return "the database is out of reach"
        return f"waiting for migrations: {', '.join(missing)}" if missing else READY
