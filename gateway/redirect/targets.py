"""Where short codes lead, as this gateway remembers it, with everything made ready that a redirect needs."""

from collections.abc import Sequence

from gateway.memory import Entry
from gateway.pages.page import Page
from gateway.renewing import RenewingMemory
from shared.bus import Bus
from shared.contracts.links import Link, LinkCreated, LinkDeleted, LinkExpired, LinkUpdated, Resolve, ResolveMany
from shared.contracts.links.qr_codes import QrCodeCreated, QrCodeDeleted
from shared.contracts.targets import RESOLVED_AT_ONCE, Target
from shared.destinations import is_safe_location
from shared.settings import Settings

Key = tuple[str, str]  # domain, slug
Headers = list[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"private, no-store")


class Remembered:
    """A target; ``lines`` are the headers of its redirect when nothing has to be looked at but that it exists."""

    __slots__ = ("lines", "target")

    def __init__(self, target: Target | None) -> None:
        self.target = target
        headers = redirect_headers(target.destination_url) if target is not None and _plain(target) else None
        self.lines = b"".join(b"%b: %b\r\n" % header for header in headers) if headers else None


class Targets:
    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._settings = settings
        self.memory: RenewingMemory[Key, Remembered] = RenewingMemory(
            self._resolve,
            self._resolve_many,
            at_once=RESOLVED_AT_ONCE,
            in_use_seconds=self._in_use_seconds,
            entries=settings.redirect_cache_entries,
            fresh_seconds=self._fresh_seconds,
            stale_seconds=settings.redirect_stale_seconds,
            patience_seconds=settings.redirect_refresh_wait_seconds,
        )

    async def start(self) -> None:
        await self._bus.hear(LinkCreated, self._forget_miss)
        await self._bus.hear(LinkUpdated, self._forget_updated)
        await self._bus.hear(LinkDeleted, lambda event: self._forget(event.link))
        await self._bus.hear(LinkExpired, lambda event: self._forget(event.link))
        await self._bus.hear(QrCodeCreated, lambda event: self._forget(event.link))
        await self._bus.hear(QrCodeDeleted, lambda event: self._forget(event.link))
        self._bus.on_gap(self.memory.doubt_all)

    async def renew(self) -> None:
        """For ever: keeps what is in use from growing old."""
        await self.memory.renew()

    def fresh(self, key: Key, now: float) -> Entry[Remembered] | None:
        return self.memory.fresh(key, now)

    async def get(self, key: Key) -> Remembered:
        return await self.memory.get(key)

    async def _resolve(self, key: Key) -> Remembered:
        question = Resolve(domain=key[0], slug=key[1])
        return Remembered((await self._bus.ask(question, timeout=self._settings.redirect_ask_timeout_seconds)).target)

    async def _resolve_many(self, keys: Sequence[Key]) -> list[Remembered]:
        question = ResolveMany(keys=tuple(keys))
        answer = await self._bus.ask(question, timeout=self._settings.redirect_ask_timeout_seconds)
        found = {(target.domain, target.slug): target for target in answer.targets}
        return [Remembered(found.get(key)) for key in keys]

    def _fresh_seconds(self, found: Remembered) -> float:
        return self._settings.redirect_fresh_seconds if found.target else self._settings.redirect_miss_seconds

    def _in_use_seconds(self, found: Remembered) -> float:
        # Whoever tries short codes that lead nowhere must not make us ask for them again and again.
        return self._settings.redirect_in_use_seconds if found.target else 0.0

    def _forget(self, link: Link) -> None:
        self.memory.forget((link.domain, link.slug))

    def _forget_miss(self, event: LinkCreated) -> None:
        # A visitor may be faster than the news of the link; what they have found stays.
        key = (event.link.domain, event.link.slug)
        self.memory.forget(key, unless=lambda found: found.target is not None and found.target.link == event.link.id)

    def _forget_updated(self, event: LinkUpdated) -> None:
        self._forget(event.link)
        if event.former_slug is not None:
            self.memory.forget((event.link.domain, event.former_slug))


def redirect_headers(url: str) -> Headers | None:
    """None when the address may not be sent to anybody; it was checked when it was written, and is again."""
    if not is_safe_location(url):
        return None
    return [
        (b"location", url.encode("ascii")),
        NO_STORE,
        (b"content-length", b"0"),
        (b"x-robots-tag", b"noindex"),
    ]


def redirect(url: str) -> Page | None:
    """None when the address may not be sent to anybody."""
    headers = redirect_headers(url)
    return Page(status=302, headers=tuple(headers), body=b"") if headers else None


def _plain(target: Target) -> bool:
    return (
        target.active
        and target.expires_at is None
        and target.max_clicks is None
        and not target.has_password
        and not target.forward_query
    )
