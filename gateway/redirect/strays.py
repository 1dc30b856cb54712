"""What becomes of visitors who come to no link: on our own host they are told so, on a domain its owner has the say."""

from urllib.parse import parse_qs

from starlette.types import Scope

from gateway.addresses import Addresses
from gateway.limits import Layer, Limiter
from gateway.pages import link as pages
from gateway.pages.home import home
from gateway.pages.page import Page
from gateway.redirect.domains import Domains
from gateway.redirect.hosts import OURS, Hosts
from gateway.redirect.targets import redirect
from gateway.wire import header
from shared.context import deadline
from shared.faults import Code, Fault
from shared.settings import Settings

CERTIFICATE = "/.well-known/waypost/domain"  # ?domain=…, as Caddy asks


class Strays:
    def __init__(
        self, hosts: Hosts, domains: Domains, limiter: Limiter, addresses: Addresses, settings: Settings
    ) -> None:
        self._hosts = hosts
        self._domains = domains
        self._limiter = limiter
        self._addresses = addresses
        self._settings = settings

    async def missed(self, scope: Scope, domain: str) -> Page:
        """For a short code that nobody has there. Each is counted, so that nobody can try them all."""
        await self._count(scope)
        return await self._not_found(domain)

    async def elsewhere(self, scope: Scope) -> Page:
        """For a path that is no short code. It costs no more than the page, unless there is an owner to ask for."""
        deadline.set(None)
        domain = self._hosts.of(scope)
        return pages.not_found() if domain == OURS else await self.missed(scope, domain)

    async def root(self, scope: Scope) -> Page:
        """For whoever asks a host for nothing in particular."""
        if scope["method"] not in ("GET", "HEAD"):
            return pages.not_found()
        deadline.set(None)
        domain = self._hosts.of(scope)
        if domain == OURS:
            return home()
        host = await self._domains.get(domain)
        if host is None:
            await self._count(scope)
            return home()
        return (redirect(host.root_url) if host.root_url else None) or pages.not_found()

    async def certificate(self, scope: Scope) -> Page:
        """May a certificate be had for this host? 200 for a verified domain, 404 for everything else.

        For proxies that make certificates when they are needed, and ask before they do.
        """
        deadline.set(None)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("domain", [""])[0]
        domain = self._hosts.read(asked.encode())
        if domain != OURS and await self._domains.get(domain):
            return Page(status=200, headers=((b"content-length", b"0"), (b"cache-control", b"no-store")), body=b"")
        # A proxy of ours that asks for nobody else asks for whatever strangers have come up with.
        if not self._addresses.comes_from_proxy(scope) or header(scope, b"x-forwarded-for") is not None:
            await self._count(scope)
        return pages.not_found()

    async def _not_found(self, domain: str) -> Page:
        host = None if domain == OURS else await self._domains.get(domain)
        url = host.not_found_url if host else None
        return (redirect(url) if url else None) or pages.not_found()

    async def _count(self, scope: Scope) -> None:
        limit = self._settings.limit_misses_per_minute
        if not limit:
            return
        decision = await self._limiter.decide([Layer("misses", self._addresses.counted(scope), limit, 60)])
        if not decision.allowed:
            raise Fault(Code.LIMITED, "Too many requests", retry_after=decision.retry_after)
