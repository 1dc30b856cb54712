"""Every documented answer of /api/use, whole, as it comes over the wire."""

from functools import partial
from pathlib import Path

from shared.contracts.keys import Window
from tests import golden
from tests.client import Client, NewClient

check = partial(golden.check, Path(__file__).parent / "golden")

LINK = {
    "destinationUrl": "https://example.com/landing-page",
    "title": "Summer Campaign",
    "tags": ["marketing", "summer"],
}
NOWHERE = "/api/use/links/lnk_0000000000000000000000"


async def test_links_are_answered_as_documented(client: Client) -> None:
    created = await client.post("/api/use/links", LINK)
    link = created.json
    code = {"code": link["shortCode"]}
    check("link_created", created, **code)
    check("links", await client.get("/api/use/links"), **code)
    changes = {"title": None, "active": False, "metadata": {"a": 1}, "password": "open sesame", "externalId": "crm-1"}
    check("link_changed", await client.patch(f"/api/use/links/{link['id']}", changes), **code)
    check("link_external", await client.get("/api/use/links/external/crm-1"), **code)
    check("tags", await client.get("/api/use/tags"))
    check("link_deleted", await client.delete(f"/api/use/links/{link['id']}"))


async def test_bulk_requests_are_answered_as_documented(client: Client) -> None:
    body = {"links": [LINK, LINK | {"customSlug": "api"}], "atomic": False}
    created = await client.post("/api/use/links/bulk", body)
    link = created.json["results"][0]["link"]
    check("bulk_each", created, code=link["shortCode"])
    check("bulk_all", await client.post("/api/use/links/bulk", body | {"atomic": True}))
    gone = await client.delete(f"/api/use/links/bulk?ids={link['id']}")
    check("bulk_deleted", gone, code=link["shortCode"])


async def test_errors_are_answered_as_documented(client: Client, visitor: Client, new_client: NewClient) -> None:
    taken = (await client.post("/api/use/links", LINK)).json["shortCode"]
    check("error_400", await client.post("/api/use/links", {"title": "No destination"}))
    check("error_401", await visitor.get("/api/use/links"))
    reader = await new_client(client.account, scopes=("links:read",))
    check("error_403", await reader.post("/api/use/links", LINK))
    check("error_404", await client.get(NOWHERE))
    check("error_404_path", await client.get("/api/use/nowhere"))
    check("error_405", await client.patch("/api/use/links", {}))
    check("error_409", await client.post("/api/use/links", LINK | {"customSlug": taken}), code=taken)
    check("error_413", await client.post("/api/use/links", data=b'{"title":"' + b"x" * 270_000))
    check("error_422", await client.post("/api/use/links", LINK | {"expiresAt": "2020-01-01T00:00:00Z"}))
    limited = await new_client(client.account, limit=1, window=Window.MINUTE)
    assert (await limited.get("/api/use/links")).status == 200
    check("error_429", await limited.get("/api/use/links"))
