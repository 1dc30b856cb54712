"""What the API reference says of an answer, held against every answer that a test is given, and against what webhooks
are told."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.docs.openapi import document
from gateway.refusals import Refusal

Json = dict[str, Any]

# What a request is answered that never becomes one.
_EARLY = {refusal.status for refusal in Refusal}


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fails when a dialect has answered what its reference does not say. What no dialect has answered is let pass."""
    dialect = next((each for each in DIALECTS if re.match(rf"{each.prefix}([/?]|$)", path)), None)
    # An answer without the id of a request comes from the server in front of the dialects.
    if dialect is None or "X-Request-Id" not in headers:
        return
    place = f"{method} {path.partition('?')[0][:200]} answered {status}"
    answer = _documented(dialect, "GET" if method == "HEAD" else method, path.partition("?")[0], status)
    assert answer is not None, f"{place}, which is not documented: {body[:500]!r}"
    if method == "HEAD" or status in (204, 304):
        assert not body, place
        return
    media = headers["Content-Type"].partition(";")[0]
    assert media in answer, f"{place} with {media}"
    if media == "application/json":
        errors = [
            str(error) for error in _validator(dialect.name, answer[media]).iter_errors(msgspec.json.decode(body))
        ]
        assert not errors, f"{place}: {errors[:3]}"


def check_message(body: bytes) -> None:
    """Fails when a webhook is told something that the reference does not say."""
    kind = msgspec.json.decode(body)["type"]
    for dialect in DIALECTS:
        if told := _openapi(dialect.name).get("webhooks", {}).get(kind):
            schema = msgspec.json.encode(told["post"]["requestBody"]["content"]["application/json"]["schema"]).decode()
            errors = [str(error) for error in _validator(dialect.name, schema).iter_errors(msgspec.json.decode(body))]
            assert not errors, f"{kind}: {errors[:3]} in {body!r}"
            return
    raise AssertionError(f"{kind} is told to webhooks, but not documented")


def _documented(dialect: Dialect, method: str, path: str, status: int) -> Mapping[str, str] | None:
    """The schemas of the answer with that status, as JSON, by media type; none when it is not in the reference."""
    for pattern, methods in _operations(dialect.name):
        # A path without a parameter is nobody else's, whatever the method.
        if pattern.fullmatch(path) and (method in methods or pattern.pattern == path):
            if method not in methods or status in _EARLY - set(methods[method]):
                break
            return methods[method].get(status)
    # No operation, or none that was reached: the reference tells how refusals look.
    refused = status in _EARLY | {word.status for word in dialect.words.values()}
    return next(iter(_operations(dialect.name)))[1]["GET"][401] if refused else None


@cache
def _openapi(name: str) -> Json:
    (dialect,) = (each for each in DIALECTS if each.name == name)
    openapi: Json = msgspec.json.decode(msgspec.json.encode(document(dialect, "http://127.0.0.1")))
    return openapi


@cache
def _operations(name: str) -> list[tuple[re.Pattern[str], dict[str, dict[int, dict[str, str]]]]]:
    """Paths without a parameter first, as they are looked for."""
    openapi = _openapi(name)
    return [
        (
            re.compile(re.sub(r"{\w+}", "[^/]+", path)),
            {
                method.upper(): {
                    int(status): dict(_contents(openapi, answer)) for status, answer in each["responses"].items()
                }
                for method, each in methods.items()
            },
        )
        for path, methods in sorted(openapi["paths"].items(), key=lambda item: "{" in item[0])
    ]


def _contents(openapi: Json, answer: Json) -> Iterator[tuple[str, str]]:
    if "$ref" in answer:
        answer = openapi["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    for media, content in answer.get("content", {}).items():
        # Bytes have no schema.
        yield media, msgspec.json.encode(content.get("schema", {})).decode()


@cache
def _validator(name: str, schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {"components": _strict(_openapi(name)["components"]), **msgspec.json.decode(schema)}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _strict(schema: Any) -> Any:
    """A field that is not documented is a mistake, though a reader would have to bear with it."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    return strict | {"additionalProperties": False} if "properties" in schema and "type" in schema else strict
