"""Idempotency keys by /api/use: its own words, every write it has, and a status as of the first answer."""

import asyncio
from datetime import UTC, datetime, timedelta

from gateway.dialects.use import USE
from shared.ids import new as new_id
from tests.client import Answer, Client, until
from tests.domains import claim, new_name, prove
from tests.names import Names
from tests.receiver import Receiver
from tests.world import World

THERE = {"destinationUrl": "https://example.com/there"}


def keyed(key: str) -> dict[str, str]:
    return {"X-Idempotency-Key": key}


async def twice(client: Client, method: str, path: str, json: object = None) -> tuple[Answer, Answer]:
    key = new_id()
    first = await client.send(method, path, json, headers=keyed(key))
    return first, await client.send(method, path, json, headers=keyed(key))


async def test_every_write_is_repeatable(client: Client, receiver: Receiver, names: Names) -> None:
    hook = {"url": receiver.url, "events": ["webhook.test"]}
    webhooks = [(await client.post("/api/use/webhooks", hook)).json["id"] for _ in range(2)]
    mine = f"/webhooks/{webhooks[0]}"
    delivery = (await client.post(f"/api/use{mine}/test")).json["id"]
    await until(
        lambda: client.get(f"/api/use{mine}/deliveries/{delivery}"), lambda seen: seen.json["state"] == "delivered"
    )
    domains = [await claim(client) for _ in range(2)]
    prove(names, domains[0])
    ids = [(await client.post("/api/use/links", THERE)).json["id"] for _ in range(4)]
    codes = [(await client.post("/api/use/qr", {"linkId": ids[0]})).json["id"] for _ in range(2)]
    writes: dict[tuple[str, str], tuple[str, object, int]] = {
        ("POST", "/links"): ("/links", THERE, 201),
        ("PATCH", "/links/{id}"): (f"/links/{ids[0]}", {"title": "Changed"}, 200),
        ("DELETE", "/links/{id}"): (f"/links/{ids[1]}", None, 204),
        ("PUT", "/links/external/{externalId}"): ("/links/external/mine", THERE, 201),
        ("POST", "/links/import"): ("/links/import", THERE, 200),
        ("POST", "/links/bulk"): ("/links/bulk", {"links": [THERE, THERE]}, 200),
        ("PATCH", "/links/bulk"): ("/links/bulk", {"links": [{"id": ids[2], "title": "Changed"}]}, 200),
        ("DELETE", "/links/bulk"): (f"/links/bulk?ids={ids[2]},{ids[3]}", None, 200),
        ("POST", "/qr"): ("/qr", {"linkId": ids[0]}, 201),
        ("PATCH", "/qr/{id}"): (f"/qr/{codes[0]}", {"title": "Changed"}, 200),
        ("DELETE", "/qr/{id}"): (f"/qr/{codes[1]}", None, 204),
        ("POST", "/domains"): ("/domains", {"domain": new_name()}, 201),
        ("PATCH", "/domains/{id}"): (f"/domains/{domains[0]['id']}", {"rootUrl": "https://example.com"}, 200),
        ("POST", "/domains/{id}/verify"): (f"/domains/{domains[0]['id']}/verify", None, 200),
        ("DELETE", "/domains/{id}"): (f"/domains/{domains[1]['id']}", None, 204),
        ("POST", "/webhooks"): ("/webhooks", hook, 201),
        ("PATCH", "/webhooks/{id}"): (mine, {"description": "Changed"}, 200),
        ("DELETE", "/webhooks/{id}"): (f"/webhooks/{webhooks[1]}", None, 204),
        ("POST", "/webhooks/{id}/enable"): (f"{mine}/enable", None, 200),
        ("POST", "/webhooks/{id}/rotate-secret"): (f"{mine}/rotate-secret", None, 200),
        ("POST", "/webhooks/{id}/test"): (f"{mine}/test", None, 202),
        ("POST", "/webhooks/{id}/recover"): (f"{mine}/recover", {"since": "2026-01-31T09:00:00Z"}, 202),
        ("POST", "/webhooks/{id}/deliveries/{deliveryId}/redeliver"): (
            f"{mine}/deliveries/{delivery}/redeliver",
            None,
            202,
        ),
    }
    assert set(writes) == {(endpoint.method, endpoint.path) for endpoint in USE.endpoints if endpoint.method != "GET"}
    for (method, _), (path, body, status) in writes.items():
        first, again = await twice(client, method, f"/api/use{path}", body)
        assert (first.status, first.headers.get("Idempotent-Replayed")) == (status, None), first.body
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert (await client.get("/api/use/links")).json["total"] == 6
    assert (await client.get("/api/use/qr")).json["total"] == 2
    assert (await client.get("/api/use/domains")).json["total"] == 2
    assert (await client.get("/api/use/webhooks")).json["total"] == 2
    # One test before and one in between, and the first of them once more.
    assert (await client.get(f"/api/use{mine}/deliveries")).json["total"] == 2
    await receiver.until("webhook.test", 3)


async def test_the_words_for_what_can_go_wrong(world: World, client: Client) -> None:
    assert (await client.post("/api/use/links", THERE, headers=keyed("abc"))).status == 201
    other = await client.post("/api/use/links", THERE | {"title": "Other"}, headers=keyed("abc"))
    assert (other.status, other.json["error"]) == (422, "UnprocessableEntity")
    assert other.json["details"][0]["field"] == "idempotencyKey"
    malformed = await client.post("/api/use/links", THERE, headers=keyed("a b"))
    assert (malformed.status, malformed.json["error"]) == (400, "ValidationError")
    assert malformed.json["details"][0]["field"] == "idempotencyKey"
    owner = await world.connect()
    async with owner.transaction():
        await owner.execute(
            "insert into links.idempotency (workspace, mode, key, fingerprint, asked_at) "
            "values ($1, 'live', 'running', '', now())",
            client.account.workspace.id,
        )
        busy = await client.post("/api/use/links", THERE, headers=keyed("running"))
    await owner.close()
    assert (busy.status, busy.json["error"], busy.headers["Retry-After"]) == (409, "Conflict", "1")


async def test_an_answer_that_depends_on_the_time_is_drawn_up_as_of_the_first_time(client: Client) -> None:
    # As soon as it is asked, and answered, in time.
    for seconds in (1.2, 5, 15):
        ends_at = datetime.now(UTC) + timedelta(seconds=seconds)
        body = THERE | {"expiresAt": ends_at.isoformat()}
        first = await client.post("/api/use/links", body, headers=keyed(key := f"abc-{seconds}"))
        if datetime.now(UTC) < ends_at:
            break
    assert first.json["status"] == "active"
    await asyncio.sleep((ends_at - datetime.now(UTC)).total_seconds() + 0.1)
    assert (await client.get(f"/api/use/links/{first.json['id']}")).json["status"] == "expired"
    again = await client.post("/api/use/links", body, headers=keyed(key))
    assert (again.status, again.body) == (201, first.body)


async def test_a_bulk_request_that_came_to_nothing_is_tried_again(client: Client) -> None:
    slug = f"s{new_id()}"
    obstacle = (await client.post("/api/use/links", THERE | {"customSlug": slug})).json["id"]
    body = {"links": [THERE, THERE | {"customSlug": slug}], "atomic": True}
    for refused in await twice(client, "POST", "/api/use/links/bulk", body):
        assert refused.status == 409
    refused = await client.post("/api/use/links/bulk", body, headers=keyed("abc"))
    assert refused.status == 409
    await client.delete(f"/api/use/links/{obstacle}")
    made = await client.post("/api/use/links/bulk", body, headers=keyed("abc"))
    assert (made.status, made.headers.get("Idempotent-Replayed")) == (200, None)
    assert (await client.post("/api/use/links/bulk", body, headers=keyed("abc"))).body == made.body


async def test_both_apis_share_the_keys_of_a_workspace(client: Client) -> None:
    assert (await client.post("/api/use/links", THERE, headers=keyed("abc"))).status == 201
    other = await client.post("/v1/links", {"title": "A link", "url": THERE["destinationUrl"]}, headers=keyed("abc"))
    assert (other.status, other.code) == (400, "VALIDATION_ERROR")
