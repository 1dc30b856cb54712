"""Which keys are good: the gateway's memory of the verdicts of the keys service."""

import time

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
    Verdict,
)
from shared.settings import Settings


class Keyring:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self.memory: Memory[bytes, Check] = Memory(
            self._check,
            entries=settings.key_cache_entries,
            fresh_seconds=lambda _check: settings.key_fresh_seconds,
            stale_seconds=settings.key_stale_seconds,
            patience_seconds=settings.key_refresh_wait_seconds,
        )

    async def start(self) -> None:
        await self._bus.hear(KeyCreated, lambda event: self.memory.forget(event.digest))
        await self._bus.hear(KeyRevoked, lambda event: self._forget(event.digest, event.former_digest))
        await self._bus.hear(KeyRotated, lambda event: self._forget(*event.digests))
        await self._bus.hear(PlanChanged, self._forget_workspace)
        self._bus.on_gap(self.memory.doubt_all)

    async def verdict(self, secret: str) -> Verdict | None:
        """None for a key that is malformed, unknown, expired or revoked; a `Fault` when nobody can tell."""
        if credentials.parse(secret) is None:
            return None
        verdict = (await self.memory.get(credentials.digest(secret))).verdict
        if verdict is None:
            return None
        if verdict.expires_at is not None and verdict.expires_at.timestamp() <= time.time():
            return None
        return verdict

    async def _check(self, digest: bytes) -> Check:
        return await self._bus.ask(CheckKey(digest=digest))

    def _forget(self, *digests: bytes | None) -> None:
        for digest in digests:
            if digest is not None:
                self.memory.forget(digest)

    def _forget_workspace(self, event: PlanChanged) -> None:
        self.memory.forget_where(lambda check: check.verdict is not None and check.verdict.workspace == event.workspace)
