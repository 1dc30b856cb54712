"""One public operation as a value: it drives routing, admission and everything that is written about the API."""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from starlette.types import Scope

from gateway.files import File
from gateway.limits import Decision
from gateway.streaming import Stream
from gateway.wire import header
from shared.bus import Bus
from shared.contracts.ask import Ask
from shared.contracts.keys import Verdict
from shared.contracts.modes import Mode
from shared.once import Once
from shared.settings import Settings

A = TypeVar("A")


class Call(msgspec.Struct, kw_only=True):
    """One admitted request, as an endpoint's function sees it."""

    bus: Bus
    settings: Settings
    caller: Verdict | None
    rate: Decision | None  # None: no limit applies
    path: dict[str, str]
    scope: Scope
    now: datetime  # for a request that repeats an earlier one, from `write` on, the earlier one's
    once: Once | None = None
    replayed: bool = False

    def header(self, name: bytes) -> str | None:
        """The first header of that name, which is given in lower case."""
        return header(self.scope, name)

    async def ask(self, question: Ask[A]) -> A:
        """For questions that change nothing."""
        return await self.bus.ask(question)

    async def write(self, question: Ask[A], *, timeout: float | None = None) -> A:
        """For the one question by which a POST, PATCH, PUT or DELETE changes something; it asks no other one.

        What else was asked beforehand might be answered differently when the request is repeated. ``timeout`` is in
        seconds, for a question that takes longer than most.
        """
        if self.once is None:
            return await self.bus.ask(question, timeout=timeout)
        done = await self.bus.ask_once(question, self.once, timeout=timeout)
        if done.first_asked is not None:
            # What was answered then is drawn up as of then, to the last byte.
            self.now = done.first_asked
            self.replayed = True
        return done.answer

    @property
    def key(self) -> Verdict:
        assert self.caller, "an endpoint that is open to all has no caller"
        return self.caller

    @property
    def workspace(self) -> str:
        return self.key.workspace

    @property
    def mode(self) -> Mode:
        return self.key.mode


class Put(msgspec.Struct, Generic[A], frozen=True):
    """The answer of a PUT: 201 when nothing was there before, else the endpoint's own status."""

    body: A
    new: bool


class Endpoint:
    """``Endpoint("DELETE", "/links/{id}", delete_link, scope="links:delete", status=204)``

    The function takes the `Call`, then, as far as it names them, ``query`` and ``body``: their types say what is
    accepted (``bytes``: the body as it is), and its return type what is answered: a `Stream` does not end, a `File` is
    no JSON. No scope: nobody needs a key, or, with ``any_key``, any one will do. ``parts`` are the types of what stands
    in the path's braces, ``media`` the types of content that are answered, ``files`` those that are taken as they are,
    each with an example.
    """

    def __init__(
        self,
        method: str,
        path: str,
        handle: Callable[..., Awaitable[Any]],
        *,
        scope: str | None,
        any_key: bool = False,
        status: int = 200,
        parts: Mapping[str, Any] | None = None,
        media: tuple[str, ...] = ("application/json",),
        files: Mapping[str, str] | None = None,
    ) -> None:
        hints = typing.get_type_hints(handle, include_extras=True)
        answer = hints["return"]
        puts = typing.get_origin(answer) is Put
        self.method = method
        self.route = path
        # What is written about it need not say that a part of the path may hold slashes.
        self.path = path.replace(":path}", "}")
        self.handle = handle
        self.scope = scope
        self.writes = method != "GET"
        self.open_to_all = scope is None and not any_key
        self.status = status
        self.name = handle.__name__
        self.summary = inspect.getdoc(handle) or ""
        self.parameters: tuple[str, ...] = tuple(re.findall(r"{(\w+)}", self.path))
        self.query: type[Any] | None = hints.get("query")
        self.body: type[Any] | None = hints.get("body")
        self.parts = parts or {}
        self.media = media
        self.files = files or {}
        self.answer: Any = typing.get_args(answer)[0] if puts else answer
        self.statuses = (status, 201) if puts else (status,)
        self.streams = self.answer is Stream
        self.gives_file = self.answer is File
        self.takes_file = self.body is bytes
        self.decoder = msgspec.json.Decoder(self.body) if self.body and not self.takes_file else None

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"
