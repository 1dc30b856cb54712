"""Verified domains, as this gateway remembers them. Links need none of it; who comes to no link does."""

from gateway.memory import Memory
from shared.bus import Bus
from shared.contracts.links.domains import Domain, DomainDeleted, DomainUpdated, DomainVerified, FindHost, Host
from shared.settings import Settings


class Domains:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self.memory: Memory[str, Host | None] = Memory(
            self._find,
            entries=settings.domain_cache_entries,
            fresh_seconds=self._fresh_seconds,
            stale_seconds=settings.redirect_stale_seconds,
            patience_seconds=settings.redirect_refresh_wait_seconds,
        )

    async def start(self) -> None:
        await self._bus.hear(DomainVerified, lambda event: self._forget(event.domain))
        await self._bus.hear(DomainUpdated, lambda event: self._forget(event.domain))
        await self._bus.hear(DomainDeleted, lambda event: self._forget(event.domain))
        self._bus.on_gap(self.memory.doubt_all)

    async def get(self, name: str) -> Host | None:
        """None when no verified domain has this name."""
        return await self.memory.get(name)

    async def _find(self, name: str) -> Host | None:
        timeout = self._settings.redirect_ask_timeout_seconds
        return (await self._bus.ask(FindHost(domain=name), timeout=timeout)).host

    def _fresh_seconds(self, host: Host | None) -> float:
        return self._settings.redirect_fresh_seconds if host else self._settings.redirect_miss_seconds

    def _forget(self, domain: Domain) -> None:
        self.memory.forget(domain.name)
