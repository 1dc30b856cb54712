"""Every documented answer of /api/use, whole, as it comes over the wire."""

from functools import partial
from pathlib import Path

from shared.contracts.keys import Window
from tests import golden
from tests.client import Client, NewClient, until
from tests.domains import new_name, prove
from tests.names import Names
from tests.receiver import Receiver

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


async def test_qr_codes_are_answered_as_documented(client: Client) -> None:
    link = (await client.post("/api/use/links", LINK)).json
    body = {"linkId": link["id"], "title": "Poster", "foreground": "#1b2a49", "errorCorrection": "Q"}
    created = await client.post("/api/use/qr", body)
    names = {"code": link["shortCode"], "token": created.json["url"].rpartition("=")[2], "id": created.json["id"]}
    path = f"/api/use/qr/{created.json['id']}"
    check("qr_created", created, **names)
    check("qr_codes", await client.get("/api/use/qr"), **names)
    check("qr_changed", await client.patch(path, {"title": None, "background": "transparent", "margin": 2}), **names)
    check("qr_deleted", await client.delete(path))


async def test_webhooks_are_answered_as_documented(client: Client, receiver: Receiver) -> None:
    url = {"url": receiver.url}
    body = {**url, "events": ["link.created", "webhook.test"], "description": "Shop", "headers": {"X-Shop": "sesame"}}
    created = await client.post("/api/use/webhooks", body)
    names = url | {"secret": created.json["secret"], "hint": created.json["secretHint"]}
    path = f"/api/use/webhooks/{created.json['id']}"
    check("webhook_created", created, **names)
    check("webhooks", await client.get("/api/use/webhooks"), **names)
    check("webhook_changed", await client.patch(path, {"enabled": False, "filter": {"tags": ["summer"]}}), **names)
    check("webhook_enabled", await client.post(f"{path}/enable"), **names)
    sent = await client.post(f"{path}/test")
    check("webhook_tested", sent)
    delivery = f"{path}/deliveries/{sent.json['id']}"
    seen, _ = await until(lambda: client.get(delivery), lambda answer: answer.json["state"] == "delivered")
    said = {"event": sent.json["eventId"], "webhook": created.json["id"], "time": sent.json["createdAt"]}
    check("delivery", seen, **said)
    check("deliveries", await client.get(f"{path}/deliveries"))
    check("delivery_redelivered", await client.post(f"{delivery}/redeliver"))
    check("deliveries_recovered", await client.post(f"{path}/recover", {"since": "2026-01-31T09:00:00Z"}))
    check("webhook_deleted", await client.delete(path))


async def test_domains_are_answered_as_documented(client: Client, names: Names) -> None:
    claimed = await client.post("/api/use/domains", {"domain": new_name(), "rootUrl": "https://example.com/"})
    domain = claimed.json
    path = f"/api/use/domains/{domain['id']}"
    told = {"domain": domain["domain"], "proof": domain["verification"]["value"].partition("=")[2]}
    check("domain_claimed", claimed, **told)
    check("domains", await client.get("/api/use/domains"), **told)
    check("domain_pending", await client.post(f"{path}/verify"), **told)
    prove(names, domain)
    check("domain_verified", await client.post(f"{path}/verify"), **told)
    check("domain_changed", await client.patch(path, {"notFoundUrl": "https://example.com/gone"}), **told)
    made = await client.post("/api/use/links", LINK | {"domain": domain["domain"]})
    link = {"code": made.json["shortCode"], "port": client.url.rpartition(":")[2]}
    check("link_on_domain", made, **told, **link)
    check("domain_with_links", await client.delete(path), **told, id=domain["id"])
    await client.delete(f"/api/use/links/{made.json['id']}")
    check("domain_deleted", await client.delete(path))


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
