"""The whole URL map on one screen."""

import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.addresses import Addresses
from gateway.bio.door import BioDoor
from gateway.docs.door import Docs
from gateway.health import Health
from gateway.metrics import Metrics
from gateway.redirect.door import Door, show_drawn
from gateway.redirect.strays import CERTIFICATE, Strays
from gateway.requests import BIO, LINK, NOTHING, Noted, Requests, identify
from shared.reserved import is_reserved
from shared.tracing import TRACING


class App:
    """Raw ASGI; and before it `at_once`, since short codes are nearly all of the traffic and wait for nothing."""

    def __init__(
        self,
        door: Door,
        strays: Strays,
        bio: BioDoor,
        health: Health,
        metrics: Metrics,
        docs: Docs,
        dialects: Mapping[str, ASGIApp],
        requests: Requests,
        addresses: Addresses,
    ) -> None:
        self._addresses = addresses
        self._requests = requests
        self._door = door
        self._strays = strays
        self._bio = bio
        self._dialects = dialects
        self._pages: dict[str, ASGIApp] = {
            "/": self._root,
            "/livez": health.live,
            "/metrics": metrics.page,
            "/readyz": health.ready,
            "/robots.txt": _robots,
            CERTIFICATE: self._certificate,
            **docs.pages,
        }

    def at_once(self, scope: Scope, slug: str, started: float) -> bytes | None:
        """The headers of a redirect that is known by heart, counted; None leaves the request to the call below.

        Of ``scope`` there need not be more than the method, the headers, the client and the query.
        """
        lines = self._door.at_once(scope, slug, started)
        if lines is not None:
            self._requests.count(LINK, "GET", 302, started)
        return lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        if TRACING.spans is None:
            await self._open(scope, receive, send, started)
        else:
            # A trace that anybody could name would put strangers' requests together.
            carried = scope["headers"] if self._addresses.comes_from_proxy(scope) else ()
            with TRACING.spans.request({name.decode("latin-1"): value.decode("latin-1") for name, value in carried}):
                await self._open(scope, receive, send, started)

    async def _open(self, scope: Scope, receive: Receive, send: Send, started: float) -> None:
        path: str = scope["path"]
        slug = path[1:]
        for prefix, dialect in self._dialects.items():
            if path == prefix or path.startswith(prefix + "/"):
                await dialect({**scope, "root_path": scope.get("root_path", "") + prefix}, receive, send)
                return
        identify(scope)
        noted, route = Noted(send), NOTHING
        try:
            if page := self._pages.get(path):
                route = path
                await page(scope, receive, noted)
            elif slug.startswith("@"):
                route = BIO
                await self._bio.open(scope, noted, slug[1:])
            elif not slug or "/" in slug or is_reserved(slug):
                await show_drawn(noted, self._strays.elsewhere(scope))
            else:
                route = LINK
                await self._door.open(scope, receive, noted, slug, started)
        finally:
            self._requests.note(route, scope["method"], noted.status, started)

    async def _root(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await show_drawn(send, self._strays.root(scope))

    async def _certificate(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await show_drawn(send, self._strays.certificate(scope))


async def _robots(_scope: Scope, _receive: Receive, send: Send) -> None:
    # Bio pages want to be found; short links and the API have nothing to read.
    body = b"User-agent: *\nAllow: /@\nDisallow: /\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
