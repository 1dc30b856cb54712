"""``GET /@username``: the public page of a creator, remembered until something on it changes."""

import time
from datetime import UTC, datetime

import msgspec
from starlette.types import Scope, Send

from gateway.addresses import Addresses
from gateway.bio.page import render
from gateway.limits import Layer, Limiter
from gateway.memory import Memory
from gateway.pages import link as pages
from gateway.pages.page import Page
from gateway.redirect.door import Door, show_drawn
from shared.bus import Bus
from shared.context import deadline
from shared.contracts.analytics import Kind
from shared.contracts.links import Link, LinkCreated, LinkDeleted, LinkUpdated, ListProfileLinks
from shared.contracts.modes import Mode
from shared.contracts.profile import GetPublicProfile, ProfileUpdated
from shared.faults import Code, Fault
from shared.settings import Settings


class Drawn(msgspec.Struct, frozen=True):
    """A page and whose it is; nobody's when the name is not taken."""

    page: Page
    workspace: str | None
    changes_at: float | None  # Unix seconds, when a link on it expires


class BioDoor:
    def __init__(self, door: Door, limiter: Limiter, addresses: Addresses, bus: Bus, settings: Settings) -> None:
        self._door = door
        self._limiter = limiter
        self._addresses = addresses
        self._bus = bus
        self._settings = settings
        self.memory: Memory[str, Drawn] = Memory(
            self._draw,
            entries=settings.bio_cache_entries,
            fresh_seconds=self._fresh_seconds,
            stale_seconds=settings.bio_stale_seconds,
            patience_seconds=settings.redirect_ask_timeout_seconds,
        )

    async def start(self) -> None:
        await self._bus.hear(LinkCreated, lambda event: self._forget(event.link.workspace, event.link.mode))
        await self._bus.hear(LinkUpdated, lambda event: self._forget(event.link.workspace, event.link.mode))
        await self._bus.hear(LinkDeleted, lambda event: self._forget(event.link.workspace, event.link.mode))
        await self._bus.hear(ProfileUpdated, lambda event: self._forget(event.profile.workspace, event.profile.mode))
        self._bus.on_gap(self.memory.doubt_all)

    async def open(self, scope: Scope, send: Send, username: str) -> None:
        await show_drawn(send, self._page(scope, username.lower(), time.perf_counter()))

    async def _page(self, scope: Scope, username: str, started: float) -> Page:
        deadline.set(None)
        if scope["method"] not in ("GET", "HEAD"):
            return pages.not_found()
        await self._limit(self._addresses.counted(scope))
        drawn = await self.memory.get(username)
        if drawn.workspace is not None:
            self._door.count(scope, Kind.VIEW, drawn.workspace, Mode.LIVE, "", started)
        return drawn.page

    async def _draw(self, username: str) -> Drawn:
        timeout = self._settings.redirect_ask_timeout_seconds
        try:
            public = await self._bus.ask(GetPublicProfile(username=username), timeout=timeout)
        except Fault as fault:
            if fault.code in (Code.NOT_FOUND, Code.INVALID):
                return Drawn(pages.not_found(), None, None)
            raise
        workspace = public.profile.workspace
        links = (await self._bus.ask(ListProfileLinks(workspace=workspace), timeout=timeout)).links
        public_url = self._settings.public_url
        now = datetime.now(UTC)
        page = render(
            public, links, page_url=f"{public_url}/@{public.profile.username}", public_url=public_url, now=now
        )
        return Drawn(page, workspace, _next_expiry(links))

    def _fresh_seconds(self, drawn: Drawn) -> float:
        if drawn.changes_at is None:
            return self._settings.bio_fresh_seconds
        return max(0.0, min(self._settings.bio_fresh_seconds, drawn.changes_at - time.time()))

    def _forget(self, workspace: str, mode: Mode) -> None:
        if mode is Mode.LIVE:
            self.memory.forget_where(lambda drawn: drawn.workspace == workspace)

    async def _limit(self, address: str) -> None:
        limit = self._settings.limit_pages_per_minute
        if limit:
            decision = await self._limiter.decide([Layer("pages", address, limit, 60)])
            if not decision.allowed:
                raise Fault(Code.LIMITED, "Too many requests", retry_after=decision.retry_after)


def _next_expiry(links: tuple[Link, ...]) -> float | None:
    ends = [link.expires_at.timestamp() for link in links if link.expires_at is not None]
    return min(ends, default=None)
