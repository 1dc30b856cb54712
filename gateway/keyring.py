"""Which keys are good: the gateway's memory of the verdicts of the keys service."""

import asyncio
import itertools
import logging
import time
from datetime import UTC, datetime

from gateway.memory import Memory
from shared import credentials
from shared.bus import Bus
from shared.contracts.keys import (
    Check,
    CheckKey,
    KeyCreated,
    KeyRevoked,
    KeyRotated,
    PlanChanged,
    RecordUses,
    Use,
    Verdict,
)
from shared.faults import Fault
from shared.settings import Settings

log = logging.getLogger(__name__)


class Keyring:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self._used: dict[str, float] = {}
        self._checks: Memory[bytes, Check] = Memory(
            self._check,
            entries=settings.key_cache_entries,
            fresh_seconds=lambda _check: settings.key_fresh_seconds,
            stale_seconds=settings.key_stale_seconds,
            patience_seconds=settings.key_refresh_wait_seconds,
        )

    async def start(self) -> None:
        await self._bus.hear(KeyCreated, lambda event: self._checks.forget(event.digest))
        await self._bus.hear(KeyRevoked, lambda event: self._forget(event.digest, event.former_digest))
        await self._bus.hear(KeyRotated, lambda event: self._forget(*event.digests))
        await self._bus.hear(PlanChanged, self._forget_workspace)
        self._bus.on_gap(self._checks.doubt_all)

    async def verdict(self, secret: str) -> Verdict | None:
        """None for a key that is malformed, unknown, expired or revoked; a `Fault` when nobody can tell."""
        if credentials.parse(secret) is None:
            return None
        verdict = (await self._checks.get(credentials.digest(secret))).verdict
        if verdict is None:
            return None
        now = time.time()
        if verdict.expires_at is not None and verdict.expires_at.timestamp() <= now:
            return None
        self._used[verdict.key] = now
        return verdict

    async def report_uses(self) -> None:
        """For ever: tells the keys service now and then which keys were used, and when last."""
        while True:
            await asyncio.sleep(self._settings.key_use_flush_seconds)
            await self.flush_uses()

    async def flush_uses(self) -> None:
        used, self._used = self._used, {}
        try:
            while used:
                told = dict(itertools.islice(used.items(), self._settings.key_use_batch))
                await self._bus.ask(RecordUses(uses=tuple(map(_use, told, told.values()))))
                for key in told:
                    del used[key]
        except Fault as fault:
            log.info("The last uses of %d keys are told later: %s", len(used), fault.message)
        finally:
            self._used = used | self._used

    async def _check(self, digest: bytes) -> Check:
        return await self._bus.ask(CheckKey(digest=digest))

    def _forget(self, *digests: bytes | None) -> None:
        for digest in digests:
            if digest is not None:
                self._checks.forget(digest)

    def _forget_workspace(self, event: PlanChanged) -> None:
        self._checks.forget_where(
            lambda check: check.verdict is not None and check.verdict.workspace == event.workspace
        )


def _use(key: str, at: float) -> Use:
    return Use(key=key, at=datetime.fromtimestamp(at, UTC))
