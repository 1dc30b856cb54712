"""A dialect as a value, and how it is served: admission, decoding, the endpoint's function, words for faults."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_type_hints

import msgspec
from starlette.requests import ClientDisconnect
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import idempotency, wire
from gateway.admission import Admission, Admitted, Headers, Refused, credential
from gateway.dialects.message import Message
from gateway.dialects.names import translated
from gateway.endpoint import Call, Endpoint, Put
from gateway.files import File
from gateway.requests import GONE, NOTHING, Requests, identify
from gateway.streaming import Flow, Places, Stream, begin
from gateway.uses import Uses
from shared import context
from shared.bus import Bus
from shared.contracts.keys import Verdict
from shared.faults import Code, Detail, Fault
from shared.settings import Settings

log = logging.getLogger(__name__)


class Word(msgspec.Struct, frozen=True):
    """A dialect's own status and name for a kind of fault."""

    status: int
    name: str


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    prefix: str  # "/v1"
    summary: str  # what it is for
    endpoints: tuple[Endpoint, ...]
    words: Mapping[Code, Word]  # total: a test sees to it
    render: Callable[[Fault, Word, str, datetime], object]  # (fault, word, path, now) → the body of an error
    field_names: Mapping[str, str]  # the contracts' field names in the dialect's words, where they are not camelCase
    messages: tuple[Message, ...] = ()  # what it tells webhooks

    @property
    def error(self) -> Any:
        """The type of the body of an error."""
        return get_type_hints(self.render)["return"]


class Exchange:
    """What is known of a request so far, and holds for its answer however it ends."""

    __slots__ = ("caller", "headers")

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.caller: Verdict | None = None

    def let_in(self, admitted: Admitted) -> None:
        self.headers += admitted.headers
        self.caller = admitted.caller


class Mounted:
    """A dialect at work, as an ASGI application that sees paths below its prefix."""

    def __init__(
        self,
        dialect: Dialect,
        admission: Admission,
        uses: Uses,
        places: Places,
        requests: Requests,
        bus: Bus,
        settings: Settings,
    ) -> None:
        self._requests = requests
        self._dialect = dialect
        self._admission = admission
        self._uses = uses
        self._places = places
        self._bus = bus
        self._settings = settings
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in dialect.endpoints:
            by_path.setdefault(endpoint.route, {})[endpoint.method] = endpoint
        # The dialect's own prefix, if something is there, is no route below it; it is among the fixed paths.
        routes = [Route(path, _Door(self, methods)) for path, methods in by_path.items() if path]
        # Most requests go to a path without a parameter, and need no search through all the patterns.
        self._fixed = {dialect.prefix + path: methods for path, methods in by_path.items() if "{" not in path}
        self._router = Router(routes, redirect_slashes=False, default=_Door(self, {}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = self._fixed.get(scope["path"])
        if methods is not None:
            await self.serve(methods, scope, receive, send)
        else:
            await self._router(scope, receive, send)

    async def serve(self, methods: Mapping[str, Endpoint], scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = identify(scope)
        context.deadline.set(time.time() + self._settings.request_timeout_seconds)
        exchange = Exchange([(b"x-request-id", request.encode())])
        body: bytes | File | Flow
        try:
            status, body = await self._answer(methods, scope, receive, exchange)
        except ClientDisconnect:
            self._note(methods, scope, GONE, started)
            return
        except Refused as refused:
            exchange.caller = refused.caller
            exchange.headers += refused.headers
            status, body = self._refusal(refused.fault, scope)
        except Fault as fault:
            if fault.retry_after is not None:
                exchange.headers.append((b"retry-after", b"%d" % fault.retry_after))
            status, body = self._refusal(fault, scope)
        except Exception:
            log.exception("A request ended in a crash")
            status, body = self._refusal(Fault(Code.INTERNAL, "Server error, please try again"), scope)
        if exchange.caller is not None:
            self._uses.count(exchange.caller.key, status, time.time())
        if isinstance(body, Flow):
            # It has begun; how long it goes on says nothing of us.
            self._note(methods, scope, status, started)
            await body.run(status, exchange.headers, scope, receive, send)
        else:
            await respond(send, status, body, exchange.headers)
            self._note(methods, scope, status, started)

    def _note(self, methods: Mapping[str, Endpoint], scope: Scope, status: int, started: float) -> None:
        # All of them have the same path.
        endpoint = next(iter(methods.values()), None)
        route = self._dialect.prefix + endpoint.path if endpoint else f"{self._dialect.prefix}/{NOTHING}"
        self._requests.note(route, scope["method"], status, started)

    async def _answer(
        self, methods: Mapping[str, Endpoint], scope: Scope, receive: Receive, exchange: Exchange
    ) -> tuple[int, bytes | File | Flow]:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        endpoint = methods.get(method)
        if endpoint is None:
            exchange.let_in(await self._admission.admit(scope, None, open_to_all=True))
            raise self._nothing_here(methods, exchange.headers)
        admitted = await self._admission.admit(scope, endpoint.scope, open_to_all=endpoint.open_to_all)
        exchange.let_in(admitted)
        given: dict[str, object] = {}
        query = wire.decode_query(endpoint.query, scope["query_string"])
        if endpoint.query is not None:
            given["query"] = query
        key = idempotency.key_of(scope) if endpoint.writes else None
        body = b""
        if endpoint.body is not None or key is not None:
            body = await wire.read_body(scope, receive, self._settings)
        if endpoint.decoder is not None:
            given["body"] = wire.decode_body(endpoint.decoder, body)
        elif endpoint.takes_file:
            given["body"] = body
        call = self._call(admitted, scope)
        if key is not None and call.caller is not None:
            call.once = idempotency.once_of(key, call.caller, scope, body, call.now)
        try:
            answer = await endpoint.handle(call, **given)
            if isinstance(answer, Stream):
                return endpoint.status, await self._begin(answer, endpoint, admitted.caller, scope)
        except Fault as fault:
            raise self._in_our_words(fault) from fault
        if isinstance(answer, File):
            return endpoint.status if answer.data is not None else 304, answer
        if call.replayed:
            exchange.headers.append((b"idempotent-replayed", b"true"))
        if isinstance(answer, Put):
            return 201 if answer.new else endpoint.status, wire.encode(answer.body)
        return endpoint.status, b"" if endpoint.status == 204 else wire.encode(answer)

    async def _begin(self, stream: Stream, endpoint: Endpoint, caller: Verdict | None, scope: Scope) -> Flow:
        secret = credential(scope)
        assert caller, "an endpoint that streams has a scope, so there is a caller with a key"
        place = self._places.take(caller, secret or "", endpoint.scope or "")
        return await begin(stream, place, self._places, self._settings)

    def _call(self, admitted: Admitted, scope: Scope) -> Call:
        return Call(
            bus=self._bus,
            settings=self._settings,
            caller=admitted.caller,
            rate=admitted.decision,
            path=scope.get("path_params", {}),
            scope=scope,
            now=datetime.now(UTC),
        )

    def _nothing_here(self, methods: Mapping[str, Endpoint], headers: Headers) -> Fault:
        if not methods:
            return Fault(Code.NOT_FOUND, "There is nothing at this path")
        allowed = ", ".join(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))
        headers.append((b"allow", allowed.encode()))
        return Fault(Code.METHOD, f"This path knows {allowed}")

    def _in_our_words(self, fault: Fault) -> Fault:
        """A service names the fields of its contract; the caller knows them by the dialect's names."""
        if not fault.details:
            return fault
        names = self._dialect.field_names
        details = tuple(Detail(translated(each["field"], names), each["message"]) for each in fault.details)
        return Fault(fault.code, fault.message, details=details, retry_after=fault.retry_after)

    def _refusal(self, fault: Fault, scope: Scope) -> tuple[int, bytes]:
        word = self._dialect.words[fault.code]
        return word.status, wire.encode(self._dialect.render(fault, word, scope["path"], datetime.now(UTC)))


class _Door:
    """One path with all its methods. A class, so that Starlette hands it the raw request of any method."""

    def __init__(self, mounted: Mounted, methods: Mapping[str, Endpoint]) -> None:
        self._mounted = mounted
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._mounted.serve(self._methods, scope, receive, send)


def mount(
    dialects: Sequence[Dialect],
    admission: Admission,
    uses: Uses,
    places: Places,
    requests: Requests,
    bus: Bus,
    settings: Settings,
) -> dict[str, ASGIApp]:
    return {dialect.prefix: Mounted(dialect, admission, uses, places, requests, bus, settings) for dialect in dialects}


async def respond(send: Send, status: int, body: bytes | File, headers: Headers) -> None:
    if isinstance(body, File):
        headers = [*body.headers, *headers]
        body = body.data or b""
    elif status != 204:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *headers,
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
