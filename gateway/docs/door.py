"""``/api/docs`` and what belongs to it: the reference as a page, as OpenAPI and as a Postman collection, and how to
receive webhooks."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send
from swagger_ui_bundle import swagger_ui_path

from gateway import wire
from gateway.addresses import Addresses
from gateway.dialects.dialect import Dialect
from gateway.docs.openapi import document
from gateway.docs.paper import Paper, paper, sent
from gateway.docs.postman import collection
from gateway.docs.webhooks import page as webhooks
from gateway.limits import Layer, Limiter
from gateway.pages import link as pages
from gateway.pages.page import Page, environment
from gateway.redirect.door import show_drawn
from shared.faults import Code, Fault
from shared.settings import Settings

REFERENCE, OPENAPI, POSTMAN = "/api/docs", "/api/docs/openapi.json", "/docs/postman/collection.json"

_HERE = Path(__file__).parent
_HTML, _JSON, _TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES = {
    "/api/docs/page.js": (_SCRIPT, _HERE / "page.js"),
    "/api/docs/page.css": (_STYLE, _HERE / "page.css"),
    "/api/docs/swagger-ui-bundle.js": (_SCRIPT, Path(swagger_ui_path) / "swagger-ui-bundle.js"),
    "/api/docs/swagger-ui.css": (_STYLE, Path(swagger_ui_path) / "swagger-ui.css"),
    **{
        f"{webhooks.PATH}/{name}": (_JSON if name.endswith(".json") else _TEXT, webhooks.FOLDER / name)
        for name in webhooks.FILES
    },
}
_TEMPLATES = environment(_HERE)
_PAGE = _TEMPLATES.get_template("page.html")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {public_url}; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
# Editors and generators elsewhere may read what anybody may read.
_FOR_ALL_ORIGINS = (b"access-control-allow-origin", b"*")


class Which(msgspec.Struct, frozen=True):
    dialect: str = "use"


class Docs:
    def __init__(self, dialects: Sequence[Dialect], limiter: Limiter, addresses: Addresses, settings: Settings) -> None:
        self._dialects = {dialect.name: dialect for dialect in dialects}
        self._limiter = limiter
        self._addresses = addresses
        self._settings = settings
        # Papers of all dialects, by path and dialect, once they have been asked for: nobody may ever read them.
        self._papers: dict[tuple[str, str], Paper] = {}
        self._writers: dict[str, Callable[[Dialect], Paper]] = {
            REFERENCE: self._reference,
            OPENAPI: self._openapi,
            POSTMAN: self._postman,
        }
        # These are the same for all dialects.
        self._common: dict[str, Callable[[], Paper]] = {
            webhooks.PATH: self._webhooks,
            **{path: partial(_file, *file) for path, file in _FILES.items()},
        }
        self.pages: dict[str, ASGIApp] = {path: partial(self._open, path) for path in (*self._writers, *self._common)}

    async def _open(self, path: str, scope: Scope, _receive: Receive, send: Send) -> None:
        await show_drawn(send, self._page(path, scope))

    async def _page(self, path: str, scope: Scope) -> Page:
        if scope["method"] not in ("GET", "HEAD"):
            return pages.not_found()
        await self._limit(self._addresses.counted(scope))
        name = "" if path in self._common else wire.decode_query(Which, scope["query_string"]).dialect
        if name and name not in self._dialects:
            return pages.not_found()
        known = self._papers.get((path, name))
        if known is None:
            # Reading, deriving and shortening take tens of milliseconds, in which others are answered.
            known = self._papers[path, name] = await asyncio.to_thread(self._write, path, name)
        return sent(known, scope)

    def _write(self, path: str, name: str) -> Paper:
        if path in self._common:
            return self._common[path]()
        return self._writers[path](self._dialects[name])

    def _reference(self, dialect: Dialect) -> Paper:
        html = _PAGE.render(
            name=dialect.name,
            title=f"Waypost {dialect.prefix}",
            dialects=list(self._dialects.values()),
            openapi=f"{OPENAPI}?dialect={dialect.name}",
            postman=f"{POSTMAN}?dialect={dialect.name}",
        )
        return self._html(html)

    def _webhooks(self) -> Paper:
        return self._html(webhooks.draw(_TEMPLATES, list(self._dialects.values()), self._settings.public_url))

    def _html(self, html: str) -> Paper:
        policy = _POLICY.format(public_url=self._settings.public_url)
        return paper(_HTML, html.encode(), ((b"content-security-policy", policy.encode()),))

    def _openapi(self, dialect: Dialect) -> Paper:
        return paper(_JSON, wire.encode(document(dialect, self._settings.public_url)), (_FOR_ALL_ORIGINS,))

    def _postman(self, dialect: Dialect) -> Paper:
        file = f'attachment; filename="waypost-{dialect.name}.postman_collection.json"'
        body = wire.encode(collection(document(dialect, self._settings.public_url)))
        return paper(_JSON, body, (_FOR_ALL_ORIGINS, (b"content-disposition", file.encode())))

    async def _limit(self, address: str) -> None:
        limit = self._settings.limit_pages_per_minute
        if limit:
            decision = await self._limiter.decide([Layer("pages", address, limit, 60)])
            if not decision.allowed:
                raise Fault(Code.LIMITED, "Too many requests", retry_after=decision.retry_after)


def _file(kind: str, file: Path) -> Paper:
    return paper(kind, file.read_bytes())
