"""An OpenAPI 3.1 document for a dialect."""

import importlib.metadata
from http import HTTPStatus
from typing import Any

from gateway.dialects.dialect import Dialect
from gateway.docs import messages, operations
from gateway.docs.headers import HEADERS, IDEMPOTENCY_KEY, IF_NONE_MATCH
from gateway.docs.schemas import Json, Schemas
from gateway.endpoint import Endpoint
from gateway.refusals import Refusal

BEARER, HEADER = "bearer", "apiKey"


def document(dialect: Dialect, public_url: str) -> Json:
    schemas = schemas_of(dialect)
    paths: dict[str, Json] = {}
    for endpoint in dialect.endpoints:
        described = operations.describe(dialect, endpoint, schemas)
        if not endpoint.open_to_all:
            needed = [] if endpoint.scope is None else [endpoint.scope]
            described["security"] = [{BEARER: needed}, {HEADER: needed}]
        paths.setdefault(dialect.prefix + endpoint.path, {})[endpoint.method.lower()] = described
    told = {message.name: {"post": messages.describe(message, schemas)} for message in dialect.messages}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Waypost {dialect.prefix}",
            "version": importlib.metadata.version("waypost"),
            "summary": dialect.summary,
            "description": _early_refusals(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": name} for name in dict.fromkeys(map(operations.tag, dialect.endpoints))],
        "paths": paths,
        **({"webhooks": told} if told else {}),
        "components": {
            "schemas": schemas.components,
            "responses": operations.refusals(dialect, schemas),
            "parameters": {"IdempotencyKey": IDEMPOTENCY_KEY, "IfNoneMatch": IF_NONE_MATCH},
            "headers": HEADERS,
            "securitySchemes": _security_schemes(),
        },
    }


def _early_refusals() -> str:
    statuses = sorted({refusal.status for refusal in Refusal})
    listed = ", ".join(f"{status} {HTTPStatus(status).phrase}" for status in statuses)
    return f"A request that no operation can be reached with is refused in the shape of every other error: {listed}."


def schemas_of(dialect: Dialect) -> Schemas:
    kinds = [kind for endpoint in dialect.endpoints for kind in _types(endpoint)]
    return Schemas([*kinds, *(body for message in dialect.messages for body in message.bodies), dialect.error])


def _types(endpoint: Endpoint) -> list[Any]:
    no_json = endpoint.streams or endpoint.gives_file or endpoint.answer is type(None)
    answer = [] if no_json else [endpoint.answer]
    taken = [kind for kind in (endpoint.query, endpoint.body) if kind is not None and kind is not bytes]
    return [*taken, *answer, *endpoint.parts.values()]


def _security_schemes() -> Json:
    return {
        BEARER: {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer` and an API key."},
        HEADER: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    }
