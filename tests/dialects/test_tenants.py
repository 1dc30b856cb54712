"""For every route with an id: what belongs to somebody else looks exactly like what does not exist."""

import re
from collections.abc import Awaitable, Callable

import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.endpoint import Endpoint
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, NewClient, timeless

# What a path parameter stands for: how to make one as its owner (and which link it leads to), and one that nobody has.
# `None`: public names, which belong to nobody, such as the name of a profile that can be followed.
Make = Callable[[Client], Awaitable[tuple[str, str]]]


async def _link(client: Client) -> tuple[str, str]:
    link: dict[str, str] = await client.new_link()
    return link["id"], link["id"]


async def _external(client: Client) -> tuple[str, str]:
    name, link = new_id(), await client.new_link()
    assert (await client.patch(f"/api/use/links/{link['id']}", {"externalId": name})).status == 200
    return name, link["id"]


OWNED: dict[str, tuple[Make, Callable[[], str]] | None] = {
    "/links/{id}": (_link, lambda: f"lnk_{new_id()}"),
    "/links/external/{externalId}": (_external, new_id),
    "/analytics/links/{id}": (_link, lambda: f"lnk_{new_id()}"),
    "/following/{username}": None,
    "/templates/{id}/apply": None,
}
BODIES: dict[str, object] = {"PATCH": {"title": "Mine now"}}

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
    theirs, link = await make(client)
    stranger = await (new_client(client.account, mode=Mode.TEST) if other_mode else new_client())

    async def call(who: Client, public_id: str) -> tuple[int, object]:
        path = dialect.prefix + re.sub(r"{\w+}", public_id, endpoint.path)
        answer = await who.send(endpoint.method, path, BODIES.get(endpoint.method))
        return answer.status, timeless(answer.body, id=public_id) if answer.body else None

    absent = await call(stranger, nobody())
    assert absent[0] == 404
    assert await call(stranger, theirs) == absent
    # It is there all the same, and as it was.
    still = await client.get(f"/v1/links/{link}")
    assert still.status == 200
    assert still.json["title"] == "A link"
