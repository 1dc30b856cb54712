"""For every route with an id: what belongs to somebody else looks exactly like what does not exist."""

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.endpoint import Endpoint
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, NewClient, timeless
from tests.domains import claim
from tests.servers import free_port

MINE = "MineNow"


class Own(NamedTuple):
    """What stands for the parameters of a path, and where it can be seen that the thing is there and unchanged."""

    parts: dict[str, str]
    seen_at: str


# How to make, as its owner, what the parameters of a path stand for, and parameters that nobody has.
# `None`: public names, which belong to nobody, such as the name of a profile that can be followed.
Make = Callable[[Client], Awaitable[Own]]
Nobody = Callable[[], dict[str, str]]


async def _link(client: Client) -> Own:
    link: dict[str, str] = await client.new_link()
    return Own({"id": link["id"]}, f"/v1/links/{link['id']}")


async def _external(client: Client) -> Own:
    name, link = new_id(), await client.new_link()
    assert (await client.patch(f"/api/use/links/{link['id']}", {"externalId": name})).status == 200
    return Own({"externalId": name}, f"/v1/links/{link['id']}")


async def _code(client: Client) -> Own:
    link = await client.new_link()
    return Own({"shortCode": link["shortCode"]}, f"/v1/links/{link['id']}")


async def _qr_code(client: Client) -> Own:
    link = await client.new_link()
    code = (await client.post("/api/use/qr", {"linkId": link["id"]})).json["id"]
    return Own({"id": code}, f"/api/use/qr/{code}")


async def _domain(client: Client) -> Own:
    domain = (await claim(client))["id"]
    return Own({"id": domain}, f"/api/use/domains/{domain}")


async def _webhook(client: Client) -> Own:
    # Nobody listens there.
    url = f"http://127.0.0.1:{free_port()}/"
    webhook = (await client.post("/api/use/webhooks", {"url": url, "events": ["key.created"]})).json["id"]
    return Own({"id": webhook}, f"/api/use/webhooks/{webhook}")


async def _delivery(client: Client) -> Own:
    webhook = (await _webhook(client)).parts["id"]
    delivery = (await client.post(f"/api/use/webhooks/{webhook}/test")).json["id"]
    return Own({"id": webhook, "deliveryId": delivery}, f"/api/use/webhooks/{webhook}/deliveries/{delivery}")


def _no_webhook() -> dict[str, str]:
    return {"id": f"wh_{new_id()}"}


OWNED: dict[str, tuple[Make, Nobody] | None] = {
    "/links/{id}": (_link, lambda: {"id": f"lnk_{new_id()}"}),
    "/links/external/{externalId}": (_external, lambda: {"externalId": new_id()}),
    "/links/code/{shortCode}": (_code, lambda: {"shortCode": new_id()}),
    "/analytics/links/{id}": (_link, lambda: {"id": f"lnk_{new_id()}"}),
    "/qr/{id}": (_qr_code, lambda: {"id": f"qr_{new_id()}"}),
    "/qr/{id}/image": (_qr_code, lambda: {"id": f"qr_{new_id()}"}),
    "/domains/{id}": (_domain, lambda: {"id": f"dom_{new_id()}"}),
    "/domains/{id}/verify": (_domain, lambda: {"id": f"dom_{new_id()}"}),
    "/webhooks/{id}": (_webhook, _no_webhook),
    "/webhooks/{id}/enable": (_webhook, _no_webhook),
    "/webhooks/{id}/rotate-secret": (_webhook, _no_webhook),
    "/webhooks/{id}/test": (_webhook, _no_webhook),
    "/webhooks/{id}/recover": (_webhook, _no_webhook),
    "/webhooks/{id}/deliveries": (_webhook, _no_webhook),
    "/webhooks/{id}/deliveries/{deliveryId}": (_delivery, lambda: _no_webhook() | {"deliveryId": f"msg_{new_id()}"}),
    "/webhooks/{id}/deliveries/{deliveryId}/redeliver": (
        _delivery,
        lambda: _no_webhook() | {"deliveryId": f"msg_{new_id()}"},
    ),
    "/following/{username}": None,
    "/templates/{id}/apply": None,
}
BODIES: dict[str, object] = {
    "PATCH /links/{id}": {"title": MINE},
    "PATCH /qr/{id}": {"title": MINE},
    "PATCH /domains/{id}": {"rootUrl": f"https://example.com/{MINE}"},
    "PATCH /webhooks/{id}": {"description": MINE},
    "POST /webhooks/{id}/recover": {"since": "2026-01-31T09:00:00Z"},
}

CASES = [
    pytest.param(dialect, endpoint, id=f"{dialect.name} {endpoint!r}")
    for dialect in DIALECTS
    for endpoint in dialect.endpoints
    if endpoint.parameters and OWNED[endpoint.path] is not None
    # What is not there is made by these, for everybody their own.
    if 201 not in endpoint.statuses
]


def test_every_route_with_an_id_is_in_the_matrix() -> None:
    with_id = {endpoint.path for dialect in DIALECTS for endpoint in dialect.endpoints if endpoint.parameters}
    assert with_id == set(OWNED)


@pytest.mark.parametrize("other_mode", [False, True], ids=["foreign workspace", "foreign mode"])
@pytest.mark.parametrize(("dialect", "endpoint"), CASES)
async def test_what_is_foreign_looks_like_what_does_not_exist(
    dialect: Dialect, endpoint: Endpoint, other_mode: bool, client: Client, new_client: NewClient
) -> None:
    owned = OWNED[endpoint.path]
    assert owned
    make, nobody = owned
    theirs = await make(client)
    stranger = await (new_client(client.account, mode=Mode.TEST) if other_mode else new_client())

    async def call(who: Client, parts: dict[str, str]) -> tuple[int, object]:
        path = dialect.prefix + re.sub(r"{(\w+)}", lambda match: parts[match[1]], endpoint.path)
        answer = await who.send(endpoint.method, path, BODIES.get(repr(endpoint)))
        return answer.status, timeless(answer.body, **parts) if answer.body else None

    absent = await call(stranger, nobody())
    assert absent[0] == 404
    assert await call(stranger, theirs.parts) == absent
    # It is there all the same, and as it was.
    still = await client.get(theirs.seen_at)
    assert still.status == 200
    assert MINE not in still.body.decode()
