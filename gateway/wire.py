"""JSON and query strings in and out. Past this file there are only types; what cannot be read is a `Fault`."""

import asyncio
import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.faults import Code, Detail, Fault
from shared.settings import Settings

MOST_PARAMETERS = 50
_SHORT_QUERY_BYTES = 100
LONGEST_NAME = 100  # of a field or parameter that is not known here, when the answer repeats it

_encoder = msgspec.json.Encoder()
_where = re.compile(r"^(?P<reason>.*?)(?: - at (?:`key` in )?`(?P<path>\$[^`]*)`)?$", re.DOTALL)
_unknown = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_missing = re.compile(r"Object missing required field `(?P<field>[^`]*)`")


def encode(answer: object) -> bytes:
    return _encoder.encode(answer)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


async def read_body(scope: Scope, receive: Receive, settings: Settings) -> bytes:
    """The whole body; TOO_LARGE past the limit, INVALID when it does not arrive in time."""
    limit = settings.body_limit_bytes
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Fault(Code.INVALID, "The request body did not arrive in time") from None


def decode_body(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    if not body:
        raise Fault(Code.INVALID, "The request needs a JSON body", field="body")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _fault(str(error), "body") from None
    except UnicodeDecodeError:
        raise Fault(Code.INVALID, "The request body is not UTF-8", field="body") from None
    except (msgspec.DecodeError, RecursionError) as error:
        if field := _half_character(body):
            words = f"{field} holds half a character: \\ud800 to \\udfff come in pairs"
            raise Fault(Code.INVALID, words, field=field) from None
        raise Fault(Code.INVALID, f"The request body is not valid JSON: {error}", field="body") from None


def decode_query(kind: Any, query: bytes) -> Any:
    """The query string as ``kind``, a frozen type; None: there must be no parameter."""
    return _remembered_query(kind, query) if len(query) <= _SHORT_QUERY_BYTES else _decoded_query(kind, query)


# What is asked again and again is read once. What is refused is read each time.
@lru_cache(maxsize=1024)
def _remembered_query(kind: Any, query: bytes) -> Any:
    return _decoded_query(kind, query)


def _decoded_query(kind: type[Any] | None, query: bytes) -> Any:
    given: dict[str, str] = {}
    for name, value in _parameters(query):
        if name in given:
            raise Fault(Code.INVALID, f"The parameter {_short(name)!r} is given twice", field=_short(name) or "query")
        given[name] = value
    if kind is None:
        if given:
            name = _short(next(iter(given)))
            raise Fault(Code.INVALID, f"There is no parameter {name!r} here", field=name or "query")
        return None
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _fault(str(error), "query") from None


# The same links are listed again and again, and two times of each would be a good part of writing a page down.
@lru_cache(maxsize=16_384)
def moment(at: datetime) -> str:
    """A UTC time as the dialects write it: ``2026-01-31T09:05:00.123Z``."""
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _parameters(query: bytes) -> list[tuple[str, str]]:
    if query.count(b"&") >= MOST_PARAMETERS:
        raise Fault(Code.INVALID, f"A query string has at most {MOST_PARAMETERS} parameters", field="query")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise Fault(Code.INVALID, "The query string cannot be read", field="query") from None


def _fault(message: str, root: str) -> Fault:
    match = _where.match(message)
    assert match
    reason, path = match["reason"], (match["path"] or "$")[1:].lstrip(".")
    for shape, words in ((_unknown, "is not known here"), (_missing, "is required")):
        if found := shape.search(reason):
            name = _short(found["field"])
            path = f"{path}.{name}" if path else name
            reason = words
            break
    field = path or root
    text = f"{field} {reason}" if reason.startswith("is ") else f"{field}: {reason}"
    return Fault(Code.INVALID, text, details=(Detail(field, reason),))


def _half_character(body: bytes) -> str | None:
    """The outermost field with half of a surrogate pair in it, which JSON can spell and no text can hold."""
    try:
        given = json.loads(body)
        for name, value in given.items() if isinstance(given, dict) else ():
            if not _is_text(name + json.dumps(value, ensure_ascii=False)):
                return _short(name.encode(errors="replace").decode())
    except (ValueError, RecursionError):
        return None
    return None


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "…"


def _too_large(limit: int) -> Fault:
    return Fault(Code.TOO_LARGE, f"The request body is larger than {limit} bytes", field="body")
