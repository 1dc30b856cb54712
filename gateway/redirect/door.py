"""``GET /{slug}``: the visitor's way through the gateway, before any routing.

A remembered link is answered from memory: one look-up, one frame in the journal, one answer. Everything else that can
happen at a short code (a password, an end, a preview, a miss) is told in the methods below the fast one.
"""

import logging
import re
import time
from collections.abc import Awaitable
from urllib.parse import parse_qs, quote

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway.addresses import Addresses
from gateway.limits import Layer, Limiter
from gateway.pages import link as pages
from gateway.pages.page import Page
from gateway.redirect.hosts import Hosts
from gateway.redirect.journal import Journal
from gateway.redirect.places import Atlas
from gateway.redirect.scans import code_of, without_token
from gateway.redirect.strays import Strays
from gateway.redirect.targets import Remembered, Targets, redirect
from gateway.redirect.visitors import Visitors
from gateway.wire import read_body
from shared.bus import Bus
from shared.context import deadline
from shared.contracts.analytics import Kind, Visit
from shared.contracts.links import ClaimClick, Resolve, Unlock
from shared.contracts.targets import Target
from shared.faults import Code, Fault
from shared.settings import Settings
from shared.short_urls import short_url

LONGEST_HEADER = 1024  # characters of a header that a click keeps
LONGEST_FORM = 4096
SHAPE = re.compile(r"[A-Za-z0-9_-]{3,50}")  # what can be a short code at all
NOWHERE = Remembered(None)
PREFETCH = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")

log = logging.getLogger(__name__)


class Door:
    def __init__(
        self,
        hosts: Hosts,
        targets: Targets,
        strays: Strays,
        journal: Journal,
        visitors: Visitors,
        atlas: Atlas,
        limiter: Limiter,
        addresses: Addresses,
        bus: Bus,
        settings: Settings,
    ) -> None:
        self._hosts = hosts
        self._targets = targets
        self._strays = strays
        self._journal = journal
        self._visitors = visitors
        self._atlas = atlas
        self._limiter = limiter
        self._addresses = addresses
        self._bus = bus
        self._settings = settings

    def at_once(self, scope: Scope, slug: str, started: float) -> bytes | None:
        """Counts a click on a remembered link that simply leads somewhere, and returns the headers of its redirect.

        None when there is more to it. ``started``: when the request came, by the performance counter.
        """
        entry = self._targets.fresh((self._hosts.of(scope), slug), time.monotonic())
        if entry is None or entry.value.lines is None:
            return None
        target = entry.value.target
        assert target
        code = code_of(target, scope["query_string"]) if target.codes and scope["query_string"] else ""
        self.count(scope, Kind.CLICK, target.workspace, target.mode, target.link, started, code)
        return entry.value.lines

    async def open(self, scope: Scope, receive: Receive, send: Send, slug: str, started: float) -> None:
        """Everything that `at_once` leaves."""
        await show_drawn(send, self._page(scope, receive, slug, started))

    def count(
        self, scope: Scope, kind: Kind, workspace: str, mode: str, link: str, started: float, code: str = ""
    ) -> None:
        """One frame in the journal. ``started``: when the request came, by the performance counter."""
        user_agent = referrer = language = ""
        bot = scope["method"] == "HEAD"
        for name, value in scope["headers"]:
            if name == b"user-agent":
                user_agent = value[:LONGEST_HEADER].decode("latin-1")
            elif name == b"referer":
                referrer = value[:LONGEST_HEADER].decode("latin-1")
            elif name == b"accept-language":
                language = value[:LONGEST_HEADER].decode("latin-1")
            elif name in PREFETCH and b"prefetch" in value.lower():
                bot = True
        now = time.time()
        address = self._addresses.of(scope)
        visitor = self._visitors.of(workspace, address, user_agent, now)
        place = self._atlas.of(address)
        took_us = int((time.perf_counter() - started) * 1_000_000)
        query = scope["query_string"][:LONGEST_HEADER].decode("latin-1")
        self._journal.append(
            Visit(
                kind,
                int(now * 1000),
                workspace,
                mode,  # type: ignore[arg-type]  # a StrEnum is its text on the wire
                link,
                visitor,
                bot,
                took_us,
                user_agent,
                referrer,
                language,
                query,
                place.country,
                place.region,
                code,
            )
        )

    async def _page(self, scope: Scope, receive: Receive, slug: str, started: float) -> Page:
        preview = slug.endswith("+")
        slug = slug.removesuffix("+")
        method = scope["method"]
        if method not in ("GET", "HEAD", "POST") or (preview and method == "POST"):
            return pages.not_found()
        domain = self._hosts.of(scope)
        target = await self._find(domain, slug)
        if target is None:
            # Counted after the look, so that a known one never costs a call to the limiter.
            return await self._strays.missed(scope, domain)
        closed = closed_page(target, time.time())
        if closed is not None:
            # Nobody is sent anywhere who asks where a link leads.
            return pages.expired() if preview and target.is_over(time.time()) else closed
        if preview:
            # After the two above: what has been taken down tells nobody any more where it led.
            return pages.preview(target, short_url(self._settings.public_url, target.domain, slug))
        if not target.has_password:
            return await self._send_on(scope, target, started)
        if method != "POST":
            return pages.password(_again(scope, target))
        opened = await self._unlock(scope, receive, target)
        if opened is None:
            return pages.password(_again(scope, target), wrong=True)
        return await self._send_on(scope, opened, started)

    async def _find(self, domain: str, slug: str) -> Target | None:
        deadline.set(None)
        found = await self._targets.get((domain, slug)) if SHAPE.fullmatch(slug) else NOWHERE
        return found.target

    async def _unlock(self, scope: Scope, receive: Receive, target: Target) -> Target | None:
        whose = f"{target.link}:{self._addresses.counted(scope)}"
        await self._limit(Layer("passwords", whose, self._settings.limit_passwords_per_minute, 60), strict=True)
        form = parse_qs((await read_body(scope, receive, self._settings))[:LONGEST_FORM].decode("utf-8", "replace"))
        password = form.get("password", [""])[0]
        return (await self._bus.ask(Unlock(domain=target.domain, slug=target.slug, password=password))).target

    async def _send_on(self, scope: Scope, target: Target, started: float) -> Page:
        if target.max_clicks is not None:
            claimed = await self._claim(scope["method"], target)
            if isinstance(claimed, Page):
                return claimed
            target = claimed
        answer = redirect(target.destination_url)
        query = scope["query_string"]
        if target.forward_query and (forwarded := without_token(target, query)):
            longer = with_query(target.destination_url, forwarded.decode("latin-1"))
            answer = redirect(longer) or answer
        if answer is None:
            return pages.not_found()
        code = code_of(target, query)
        self.count(scope, Kind.CLICK, target.workspace, target.mode, target.link, started, code)
        return answer

    async def _claim(self, method: str, target: Target) -> Target | Page:
        """The target of a link with a limit of clicks, or the page of one that has reached it.

        What this gateway remembers is no word on what others have given away, so the links service has it every time.
        """
        timeout = self._settings.redirect_ask_timeout_seconds
        if method == "HEAD":
            # It is told where the link leads now, and takes nothing from those who go there.
            current = (await self._bus.ask(Resolve(domain=target.domain, slug=target.slug), timeout=timeout)).target
            granted = current is not None and closed_page(current, time.time()) is None
        else:
            claimed = await self._bus.ask(ClaimClick(domain=target.domain, slug=target.slug), timeout=timeout)
            current, granted = claimed.target, claimed.granted
        if current is None:
            return pages.not_found()
        return current if granted else closed_page(current, time.time()) or ended(current)

    async def _limit(self, layer: Layer, *, strict: bool = False) -> None:
        if not layer.limit:
            return
        decision = await self._limiter.decide([layer], strict=strict)
        if not decision.allowed:
            raise Fault(Code.LIMITED, "Too many requests", retry_after=decision.retry_after)


def closed_page(target: Target, now: float) -> Page | None:
    """What is shown of a link that is over or inactive; ``now`` is in Unix seconds."""
    if target.is_over(now):
        return ended(target)
    return None if target.active else pages.inactive()


def ended(target: Target) -> Page:
    return (redirect(target.expired_url) if target.expired_url else None) or pages.expired()


def _again(scope: Scope, target: Target) -> str:
    """The same path with the same query, which tells a scan and may be forwarded, for a form to be sent to."""
    query = quote(scope["query_string"], safe="%!$&'()*+,-./:;=?@_~[]")
    return f"/{target.slug}?{query}" if query else f"/{target.slug}"


def page_of(fault: Fault) -> Page:
    """A fault in a visitor's words."""
    if fault.code is Code.LIMITED:
        return pages.too_many(fault.retry_after or 1)
    if fault.code in (Code.NOT_FOUND, Code.INVALID, Code.TOO_LARGE):
        return pages.not_found()
    return pages.unavailable()


def with_query(url: str, query: str) -> str:
    """``url`` with the visitor's parameters added behind its own, before the fragment."""
    base, hash_, fragment = url.partition("#")
    joint = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
    return f"{base}{joint}{query}{hash_}{fragment}"


async def show_drawn(send: Send, drawing: Awaitable[Page]) -> None:
    """The page, or one that tells why there is none. A visitor who has gone away is shown nothing."""
    try:
        page = await drawing
    except ClientDisconnect:
        return
    except Fault as fault:
        page = page_of(fault)
    except Exception:
        log.exception("A page could not be drawn")
        page = pages.unavailable()
    await show(send, page)


async def show(send: Send, page: Page) -> None:
    await send({"type": "http.response.start", "status": page.status, "headers": list(page.headers)})
    await send({"type": "http.response.body", "body": page.body})
