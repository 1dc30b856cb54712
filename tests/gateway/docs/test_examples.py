"""Every example of the reference is carried out, by a client with a workspace of its own."""

import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.docs.openapi import document
from gateway.docs.postman import collection
from shared import ids
from tests.client import Client, until
from tests.domains import claim
from tests.receiver import Receiver
from tests.world import World

Json = dict[str, Any]
ORIGIN = "https://go.example"
LINK, USERNAME, EXTERNAL = "lnk_02FvM8kQ7yZtLw3RbXc5Na", "demo", "crm-4711"
CODE = "summer-sale"
QR_CODE = "qr_02FvM8kQ7yZtLw3RbXc5Na"
DOMAIN = "dom_02FvM8kQ7yZtLw3RbXc5Na"
WEBHOOK, DELIVERY = "wh_02FvM8kQ7yZtLw3RbXc5Na", "msg_02FvM8kQ7yZtLw3RbXc5Na"
RECEIVER = "https://example.com/hooks/waypost"


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    body: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def of_openapi(openapi: Json) -> Iterator[Request]:
    """Each operation with what it needs, and once more with each thing that may be left out."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            given = [each for each in operation["parameters"] if "example" in each]
            for each in given:
                if each["in"] == "path":
                    path = path.replace(f"{{{each['name']}}}", quote(each["example"], safe=""))
            queries = [(each["name"], each["example"], each["required"]) for each in given if each["in"] == "query"]
            needed = [(name, example) for name, example, required in queries if required]
            more = [[*needed, (name, example)] for name, example, required in queries if not required]
            bodies = operation.get("requestBody", {}).get("content", {"": {"example": None}})
            for query, body in itertools.product([needed, *more], bodies.values()):
                target = f"{path}?{urlencode(query)}" if query else path
                yield Request(method.upper(), target, written(body["example"]))


def written(example: object) -> str | None:
    """A file is written as it is, anything else as JSON."""
    return example if example is None or isinstance(example, str) else msgspec.json.encode(example).decode()


def of_postman(postman: Json) -> Iterator[Request]:
    for folder in postman["item"]:
        for item in folder["item"]:
            request = item["request"]
            path = request["url"]["raw"].removeprefix("{{baseUrl}}")
            for variable in request["url"]["variable"]:
                path = path.replace(f":{variable['key']}", quote(variable["value"], safe=""))
            yield Request(request["method"], path, request.get("body", {}).get("raw"))


CASES = [
    pytest.param(request, id=f"{source.__name__} {request}")
    for dialect in DIALECTS
    for source, written in (
        (of_openapi, document(dialect, ORIGIN)),
        (of_postman, collection(document(dialect, ORIGIN))),
    )
    for request in source(written)
    # A stream does not end; what is in it is tried where it is at home.
    if not request.path.endswith("/live")
]


def test_the_examples_cover_every_operation() -> None:
    operations = sum(not endpoint.streams for dialect in DIALECTS for endpoint in dialect.endpoints)
    assert len(CASES) > 2 * operations


@pytest.mark.parametrize("request_", CASES)
async def test_an_example_can_be_carried_out(
    world: World, client: Client, receiver: Receiver, request_: Request
) -> None:
    link = await client.new_link("https://example.com/landing-page", title="Summer sale")
    assert (await client.patch(f"/api/use/links/{link['id']}", {"externalId": EXTERNAL})).status == 200
    names = {LINK: link["id"], f"/{USERNAME}": f"/{(await world.account()).user.username}", RECEIVER: receiver.url}
    # A short code is there only once, and somebody else may have tried the examples, too.
    names |= {f"/code/{CODE}": f"/code/{link['shortCode']}", CODE: f"s-{ids.new()}"}
    if QR_CODE in request_.path:
        names[QR_CODE] = (await client.post("/api/use/qr", {"linkId": link["id"]})).json["id"]
    if "/domains/" in request_.path:
        names |= {DOMAIN: (await claim(client))["id"]}
    if "/webhooks/" in request_.path:
        names |= await _delivered(client, receiver)

    def real(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    body = None if request_.body is None else real(request_.body).encode()
    # Whether the answer is as documented is seen to by the client.
    answer = await client.send(request_.method, real(request_.path), data=body)
    assert answer.status in (200, 201, 202, 204), answer.body


async def _delivered(client: Client, receiver: Receiver) -> dict[str, str]:
    """A webhook and what it was sent."""
    webhook = (await client.post("/api/use/webhooks", {"url": receiver.url, "events": ["*"]})).json["id"]
    path = f"/api/use/webhooks/{webhook}"
    delivery = (await client.post(f"{path}/test")).json["id"]
    await until(lambda: client.get(f"{path}/deliveries/{delivery}"), lambda answer: answer.json["state"] == "delivered")
    return {WEBHOOK: webhook, DELIVERY: delivery}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_what_reaches_no_operation_is_refused_in_the_documented_shape(client: Client, dialect: Dialect) -> None:
    for endpoint in dialect.endpoints:
        if not endpoint.parameters:
            path = dialect.prefix + endpoint.path
            assert (await client.send(endpoint.method, f"{path}?{'x' * 9000}")).status == 414
            many = {f"X-Header-{number}": "1" for number in range(101)}
            assert (await client.send(endpoint.method, path, headers=many)).status == 431
