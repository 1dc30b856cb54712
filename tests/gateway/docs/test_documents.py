"""The derived documents: whole, valid, and with examples that are what they say they are."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.docs.openapi import document
from gateway.docs.postman import collection
from shared.contracts.webhooks import Topic
from shared.faults import Code

Json = dict[str, Any]
ORIGIN = "https://go.example"
ALL = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def made(dialect: Dialect) -> Json:
    """As it comes over the wire."""
    document_: Json = msgspec.json.decode(msgspec.json.encode(document(dialect, ORIGIN)))
    return document_


def operations(openapi: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def messages(openapi: Json) -> Iterator[tuple[str, Json]]:
    """What is sent to webhooks."""
    for name, methods in openapi.get("webhooks", {}).items():
        for operation in methods.values():
            yield name, operation


def contents(openapi: Json) -> Iterator[tuple[str, Json]]:
    """Every place where a body has a schema and an example."""
    for status, answer in openapi["components"]["responses"].items():
        yield status, answer["content"]["application/json"]
    for name, operation in operations(openapi):
        if body := operation.get("requestBody"):
            for media, content in body["content"].items():
                yield f"{name} takes {media}", content
        for status, answer in operation["responses"].items():
            if content := answer.get("content", {}).get("application/json"):
                yield f"{name} answers {status}", content
    for name, operation in messages(openapi):
        yield name, operation["requestBody"]["content"]["application/json"]


@ALL
def test_it_is_a_valid_openapi_document(dialect: Dialect) -> None:
    openapi = made(dialect)
    assert openapi["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(openapi).validate()


@ALL
def test_every_endpoint_is_in_it_with_its_permission(dialect: Dialect) -> None:
    described = dict(operations(made(dialect)))
    assert set(described) == {f"{each.method} {dialect.prefix}{each.path}" for each in dialect.endpoints}
    for endpoint in dialect.endpoints:
        security = described[f"{endpoint.method} {dialect.prefix}{endpoint.path}"]["security"]
        needed = [endpoint.scope] if endpoint.scope else []
        assert security == ([] if endpoint.open_to_all else [{"bearer": needed}, {"apiKey": needed}])
    ids = [operation["operationId"] for operation in (*described.values(), *dict(messages(made(dialect))).values())]
    assert len(set(ids)) == len(ids)


@ALL
def test_every_fault_has_a_status_in_it(dialect: Dialect) -> None:
    told = set(made(dialect)["components"]["responses"])
    # A wrong method is no operation.
    assert told == {str(word.status) for code, word in dialect.words.items() if code is not Code.METHOD}


def test_every_message_to_webhooks_is_in_it() -> None:
    told = {name: operation for dialect in DIALECTS for name, operation in messages(made(dialect))}
    assert set(told) == {message.name for dialect in DIALECTS for message in dialect.messages}
    assert set(told) == set(Topic)
    for name, operation in told.items():
        example = operation["requestBody"]["content"]["application/json"]["example"]
        assert example["type"] == name
        assert {"X-Webhook-Id", "X-Webhook-Signature", "webhook-signature"} <= {
            header["name"] for header in operation["parameters"]
        }


@ALL
def test_every_body_has_an_example_that_fits_its_schema(dialect: Dialect) -> None:
    openapi = made(dialect)
    seen = 0
    for place, content in contents(openapi):
        schema = {"components": openapi["components"], **content["schema"]}
        validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        assert not [str(error) for error in validator.iter_errors(content["example"])], place
        seen += 1
    assert seen > len(dialect.endpoints)


@ALL
def test_every_parameter_says_what_it_is(dialect: Dialect) -> None:
    for name, operation in operations(made(dialect)):
        for parameter in operation["parameters"]:
            told = parameter.get("description") or parameter.get("example") or parameter.get("$ref")
            assert told is not None, f"{name}: {parameter['name']}"


@ALL
def test_numbers_with_a_unit_tell_it(dialect: Dialect) -> None:
    units = {
        "retryAfter": "second",
        "responseTime": "millisecond",
        "bounceRate": "per cent",
        "percentage": "per cent",
        "clickRate": "per view",
        "reset": "second",
        "durationMs": "millisecond",
    }
    for name, schema in made(dialect)["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            if field in units:
                assert units[field] in inner["description"].lower(), f"{name}.{field}"


@ALL
def test_the_collection_holds_every_request_once(dialect: Dialect) -> None:
    postman = collection(made(dialect))
    requests = [item["request"] for folder in postman["item"] for item in folder["item"]]
    assert len(requests) == len(dialect.endpoints)
    assert postman["info"]["schema"].endswith("/v2.1.0/collection.json")
    assert {variable["key"] for variable in postman["variable"]} == {"baseUrl", "apiKey"}
    for request in requests:
        assert request["url"]["raw"].startswith("{{baseUrl}}/")
        assert [part[1:] for part in request["url"]["path"] if part.startswith(":")] == [
            variable["key"] for variable in request["url"]["variable"]
        ]
