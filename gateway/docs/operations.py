"""One endpoint as an operation of an OpenAPI document: what it takes and what it answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from gateway.dialects.dialect import Dialect
from gateway.docs.headers import RATE, REPLAYED, references
from gateway.docs.schemas import Json, Schemas
from gateway.endpoint import Endpoint
from shared.faults import Code, Detail, Fault

# What is said in the example of each error.
MESSAGES = {
    Code.INVALID: "limit: Expected `int`, got `str`",
    Code.UNAUTHENTICATED: "A valid API key is needed",
    Code.FORBIDDEN: "This key lacks the permission links:write",
    Code.NOT_FOUND: "Requested resource not found",
    Code.CONFLICT: "The short code 'summer-sale' is taken",
    Code.BUSY: "The same request is still being worked on",
    Code.IMPOSSIBLE: "The time of expiry is in the past",
    Code.TOO_LARGE: "The request body is larger than 262144 bytes",
    Code.LIMITED: "Too many requests, please slow down",
    Code.INTERNAL: "Server error, please try again",
    Code.UNAVAILABLE: "The service is out of reach, please try again",
    Code.TIMEOUT: "The answer took too long, please try again",
}
EXAMPLE_TIME = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)


def describe(dialect: Dialect, endpoint: Endpoint, schemas: Schemas) -> Json:
    described: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary.split("\n")[0],
        "description": _description(endpoint),
        "tags": [tag(endpoint)],
        "parameters": list(_parameters(endpoint, schemas)),
        "responses": {str(status): answer for status, answer in _responses(dialect, endpoint, schemas)},
        "security": [],
    }
    if endpoint.takes_file:
        content = {media: {"schema": {"type": "string"}, "example": text} for media, text in endpoint.files.items()}
        described["requestBody"] = {"required": True, "content": content}
    elif endpoint.body is not None:
        schema = schemas.of(endpoint.body)
        described["requestBody"] = {"required": True, "content": _content(schema, schemas.example(schema))}
    return described


def _description(endpoint: Endpoint) -> str:
    more = endpoint.summary.partition("\n")[2].strip()
    if endpoint.scope is not None:
        needs = f"Needs the permission `{endpoint.scope}`."
    else:
        needs = "No key is needed." if endpoint.open_to_all else "Any valid key will do."
    return f"{more}\n\n{needs}" if more else needs


def tag(endpoint: Endpoint) -> str:
    """Operations on one kind of thing stand together."""
    return endpoint.path.split("/")[1] if endpoint.path else "discovery"


def codes(endpoint: Endpoint) -> list[Code]:
    """What can go wrong with an endpoint."""
    found = [Code.INVALID, Code.UNAUTHENTICATED, Code.LIMITED, Code.INTERNAL, Code.UNAVAILABLE, Code.TIMEOUT]
    if not endpoint.open_to_all:
        found.append(Code.FORBIDDEN)
    if endpoint.parameters or endpoint.method in ("PATCH", "DELETE"):
        found.append(Code.NOT_FOUND)
    if endpoint.writes:
        found += [Code.CONFLICT, Code.BUSY, Code.IMPOSSIBLE, Code.TOO_LARGE]
    elif endpoint.query is not None:
        found.append(Code.IMPOSSIBLE)
    return found


def _parameters(endpoint: Endpoint, schemas: Schemas) -> Iterator[Json]:
    yield from _path_parameters(endpoint, schemas)
    yield from _query_parameters(endpoint, schemas)
    if endpoint.gives_file:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    if endpoint.writes:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


def _path_parameters(endpoint: Endpoint, schemas: Schemas) -> Iterator[Json]:
    for name in endpoint.parameters:
        schema = schemas.of(endpoint.parts[name])
        yield {"name": name, "in": "path", "required": True, "schema": schema, "example": schemas.example(schema)}


def _query_parameters(endpoint: Endpoint, schemas: Schemas) -> Iterator[Json]:
    for name, schema, required in schemas.fields(endpoint.query) if endpoint.query else ():
        parameter: Json = {"name": name, "in": "query", "required": required, "schema": schema}
        if "description" in schema:
            parameter["description"] = schema["description"]
        if required or "examples" in schema:
            parameter["example"] = schemas.example(schema)
        yield parameter


def _responses(dialect: Dialect, endpoint: Endpoint, schemas: Schemas) -> Iterator[tuple[int, Json]]:
    for status in endpoint.statuses:
        names = (*RATE, "X-Request-Id", *((REPLAYED,) if endpoint.writes else ()))
        answer: Json = {"description": HTTPStatus(status).phrase, "headers": references(*names)}
        if endpoint.gives_file:
            # OpenAPI 3.1 says of bytes that there is no schema.
            answer["headers"] |= references("ETag")
            answer["content"] = {media: {} for media in endpoint.media}
        elif endpoint.streams:
            answer["content"] = {media: {"schema": {"type": "string"}} for media in endpoint.media}
        elif status != 204:
            schema = schemas.of(endpoint.answer)
            answer["content"] = _content(schema, schemas.example(schema))
        yield status, answer
    if endpoint.gives_file:
        headers = references(*RATE, "X-Request-Id", "ETag")
        yield 304, {"description": "Not Modified: the file is the one that `If-None-Match` names.", "headers": headers}
    for status in sorted({dialect.words[code].status for code in codes(endpoint)}):
        yield status, {"$ref": f"#/components/responses/{status}"}


def refusals(dialect: Dialect, schemas: Schemas) -> Json:
    """What can go wrong, by status; where several faults have the same one, the first shows how it looks."""
    by_status: dict[int, Code] = {}
    for code in MESSAGES:
        by_status.setdefault(dialect.words[code].status, code)
    return {str(status): _refusal(dialect, schemas, code) for status, code in sorted(by_status.items())}


def _refusal(dialect: Dialect, schemas: Schemas, code: Code) -> Json:
    word = dialect.words[code]
    # Of the faults with one status, some may say when to come back.
    waits = any(dialect.words[each].status == word.status for each in (Code.LIMITED, Code.BUSY))
    fault = Fault(
        code,
        MESSAGES[code],
        details=(Detail("limit", "Expected `int`, got `str`"),) if code is Code.INVALID else (),
        retry_after=12 if code is Code.LIMITED else None,
    )
    example = msgspec.to_builtins(dialect.render(fault, word, f"{dialect.prefix}/links", EXAMPLE_TIME))
    further = (*(("Retry-After",) if waits else ()), *(("WWW-Authenticate",) if code is Code.UNAUTHENTICATED else ()))
    return {
        "description": f"{HTTPStatus(word.status).phrase}: `{word.name}`",
        "headers": references(*RATE, "X-Request-Id", *further),
        "content": _content(schemas.of(dialect.error), example),
    }


def _content(schema: Json, example: object) -> Json:
    return {"application/json": {"schema": schema, "example": example}}
