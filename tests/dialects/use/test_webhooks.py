"""Webhooks by /api/use: made, changed, tried out, and told what happens."""

import asyncio
import json
import time
from typing import Any

import pytest
import standardwebhooks
import svix

from shared.ids import new as new_id
from shared.settings import Settings
from tests.client import Client, NewClient, until
from tests.receiver import Receiver
from tests.servers import free_port
from tests.services.keys.test_secrecy import every_row
from tests.shared.test_destinations import HOSTILE
from tests.world import World

HOOKS = "/api/use/webhooks"


def nowhere() -> str:
    """An address of this machine where nobody listens."""
    return f"http://127.0.0.1:{free_port()}/"


async def make(client: Client, url: str, *events: str, **fields: object) -> Any:
    answer = await client.post(HOOKS, {"url": url, "events": events or ["webhook.test"], **fields})
    assert answer.status == 201, answer.body
    return answer.json


async def delivered(client: Client, webhook: str) -> Any:
    """A test, once it has arrived."""
    sent = await client.post(f"{HOOKS}/{webhook}/test")
    assert (sent.status, sent.json["state"]) == (202, "pending")
    path = f"{HOOKS}/{webhook}/deliveries/{sent.json['id']}"
    seen, _ = await until(lambda: client.get(path), lambda answer: answer.json["state"] == "delivered")
    return seen.json


async def test_a_webhook_is_made_read_listed_changed_and_removed(client: Client) -> None:
    url = nowhere()
    made = await make(client, url, "link.clicked", "link.created", description="Shop", headers={"X-Shop": "sesame"})
    assert made["secret"].startswith("whsec_")
    assert made["secret"].endswith(made["secretHint"])
    webhook = {name: value for name, value in made.items() if name != "secret"}
    assert (webhook["url"], webhook["headers"], webhook["enabled"]) == (url, ["X-Shop"], True)
    assert webhook["events"] == ["link.created", "link.clicked"]
    path = f"{HOOKS}/{webhook['id']}"
    assert (await client.get(path)).json == webhook
    page = (await client.get(HOOKS)).json
    assert (page["data"], page["total"], page["hasMore"]) == ([webhook], 1, False)
    changed = (await client.patch(path, {"events": ["*"], "batch": True})).json
    assert changed == webhook | {"events": ["*"], "batch": True, "updatedAt": changed["updatedAt"]}
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.get(HOOKS)).json["total"] == 0


async def test_lists_come_page_by_page_newest_first(client: Client) -> None:
    made = [(await make(client, nowhere()))["id"] for _ in range(12)]
    first, second = [(await client.get(f"{HOOKS}?limit=10&page={page}")).json for page in (1, 2)]
    assert [each["id"] for each in (*first["data"], *second["data"])] == made[::-1]
    assert (first["total"], first["hasMore"], second["hasMore"]) == (12, True, False)


async def test_our_own_host_has_its_name_in_a_filter_and_links_their_ids(client: Client) -> None:
    link = (await client.new_link())["id"]
    own = client.url.removeprefix("http://")
    wanted = {"linkIds": [link], "tags": ["summer"], "domains": [own, "links.example"]}
    made = await make(client, nowhere(), filter=wanted)
    assert made["filter"] == wanted
    changed = await client.patch(f"{HOOKS}/{made['id']}", {"filter": {"tags": ["winter"]}})
    assert changed.json["filter"] == {"linkIds": [], "tags": ["winter"], "domains": []}


async def test_domains_of_a_filter_are_those_of_links_however_they_are_written(client: Client) -> None:
    spelled = ["Links.Example", "links.example.", "münchen.example"]
    made = await make(client, nowhere(), filter={"domains": spelled})
    assert made["filter"]["domains"] == ["links.example", "xn--mnchen-3ya.example"]


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"url": "ftp://example.com"}, 400, "url"),
        ({"url": "https://user:word@example.com"}, 400, "url"),
        ({"url": "https://example.com/" + "x" * 2048}, 400, "url"),
        ({"url": None}, 400, "url"),
        ({"url": "http://10.0.0.1/"}, 422, "url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, 422, "url"),
        ({"events": []}, 400, "events"),
        ({"events": ["link.eaten"]}, 400, "events"),
        ({"events": ["*", "link.created"]}, 400, "events"),
        ({"events": ["link.created", "link.created"]}, 400, "events"),
        ({"events": "link.created"}, 400, "events"),
        ({"description": "x" * 501}, 400, "description"),
        ({"headers": {"Host": "x"}}, 400, "headers"),
        ({"headers": {"X-Webhook-Id": "x"}}, 400, "headers"),
        ({"headers": {"X-A": "a\nb"}}, 400, "headers"),
        ({"headers": {f"X-{number}": "a" for number in range(21)}}, 400, "headers"),
        ({"filter": {"linkIds": ["mine"]}}, 400, "filter.linkIds[0]"),
        ({"filter": {"linkIds": [f"lnk_{number:022}" for number in range(101)]}}, 400, "filter.linkIds"),
        ({"filter": {"tags": ["x" * 51]}}, 400, "filter.tags"),
        ({"filter": {"links": []}}, 400, "filter.links"),
        ({"secret": "whsec_MDEyMw=="}, 400, "secret"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_by_its_name_in_this_api(
    client: Client, wrong: dict[str, object], status: int, field: str
) -> None:
    answer = await client.post(HOOKS, {"url": nowhere(), "events": ["*"]} | wrong)
    assert (answer.status, [each["field"] for each in answer.json["details"]]) == (status, [field])
    made = await make(client, nowhere())
    if "secret" not in wrong:
        answer = await client.patch(f"{HOOKS}/{made['id']}", wrong)
        assert (answer.status, [each["field"] for each in answer.json["details"]]) == (status, [field])


async def test_no_webhook_leads_to_a_hostile_address(client: Client) -> None:
    places = asyncio.Semaphore(16)

    async def refused(url: str) -> bool:
        async with places:
            # As ASCII, so that halves of characters can be sent too.
            data = json.dumps({"url": url, "events": ["*"]}).encode()
            answer = await client.post(HOOKS, data=data)
        return answer.status in (400, 422) and [each["field"] for each in answer.json["details"]] == ["url"]

    outcomes = await asyncio.gather(*map(refused, HOSTILE))
    assert not [url for url, done in zip(HOSTILE, outcomes, strict=True) if not done]
    assert (await client.get(HOOKS)).json["total"] == 0


async def test_a_workspace_has_as_many_webhooks_as_the_operator_allows(client: Client) -> None:
    most = Settings(nats_url="").webhook_endpoints_most
    made = [(await make(client, nowhere()))["id"] for _ in range(most)]
    refused = await client.post(HOOKS, {"url": nowhere(), "events": ["*"]})
    assert (refused.status, refused.json["error"]) == (403, "Forbidden")
    assert str(most) in refused.json["message"]
    await client.delete(f"{HOOKS}/{made[0]}")
    await make(client, nowhere())


async def test_reading_and_writing_are_permissions_of_their_own(client: Client, new_client: NewClient) -> None:
    webhook = await make(client, nowhere())
    reader = await new_client(client.account, scopes=("webhooks:read",))
    writer = await new_client(client.account, scopes=("webhooks:write",))
    path = f"{HOOKS}/{webhook['id']}"
    assert [(await reader.get(each)).status for each in (HOOKS, path, f"{path}/deliveries")] == [200, 200, 200]
    assert [(await writer.get(each)).status for each in (HOOKS, path, f"{path}/deliveries")] == [403, 403, 403]
    assert (await reader.post(f"{path}/test")).status == 403
    assert (await reader.patch(path, {"description": "Mine"})).status == 403
    assert (await writer.patch(path, {"description": "Mine"})).status == 200


async def test_a_test_arrives_signed_for_both_conventions_and_with_the_owners_headers(
    client: Client, receiver: Receiver
) -> None:
    webhook = await make(client, receiver.url, headers={"X-Shop": "sesame"})
    delivery = await delivered(client, webhook["id"])
    (received,) = await receiver.until("webhook.test")
    # Both raise when they are not content.
    standardwebhooks.Webhook(webhook["secret"]).verify(received.body, received.headers)
    svix.Webhook(webhook["secret"]).verify(received.body, received.headers)
    assert received.headers["x-shop"] == "sesame"
    assert received.headers["x-webhook-id"] == delivery["id"]
    assert abs(int(received.headers["x-webhook-timestamp"]) - time.time()) < 30
    assert received.json["id"] == delivery["eventId"]
    assert received.json["data"]["webhookId"] == webhook["id"]
    assert received.json["mode"] == "live"


async def test_a_delivery_tells_what_was_sent_and_what_came_back(client: Client, receiver: Receiver) -> None:
    receiver.status = 202
    webhook = await make(client, receiver.url)
    delivery = await delivered(client, webhook["id"])
    (received,) = await receiver.until("webhook.test")
    assert delivery["body"] == received.body.decode()
    assert (delivery["webhookId"], delivery["event"], delivery["mode"]) == (webhook["id"], "webhook.test", "live")
    assert (delivery["attemptCount"], delivery["lastStatusCode"], delivery["lastError"]) == (1, 202, None)
    assert (delivery["nextAttemptAt"], bool(delivery["deliveredAt"])) == (None, True)
    (attempt,) = delivery["attempts"]
    assert (attempt["number"], attempt["statusCode"], attempt["error"]) == (1, 202, None)
    assert attempt["response"] == "Thank you"
    assert 0 <= attempt["durationMs"] < 10_000
    fares = (await client.get(f"{HOOKS}/{webhook['id']}")).json
    assert (bool(fares["lastSuccessAt"]), fares["failures"], fares["waiting"]) == (True, 0, 0)


async def test_an_attempt_that_failed_says_why_and_when_the_next_one_is(client: Client) -> None:
    webhook = await make(client, nowhere())
    sent = (await client.post(f"{HOOKS}/{webhook['id']}/test")).json
    path = f"{HOOKS}/{webhook['id']}/deliveries/{sent['id']}"
    seen, _ = await until(lambda: client.get(path), lambda answer: answer.json["attemptCount"] >= 1)
    assert (seen.json["state"], seen.json["lastStatusCode"]) == ("pending", None)
    assert seen.json["lastError"]
    assert seen.json["nextAttemptAt"] > sent["createdAt"]
    assert seen.json["attempts"][0]["error"] == seen.json["lastError"]
    again = await client.post(f"{path}/redeliver")
    assert (again.status, again.json["error"]) == (422, "UnprocessableEntity")


async def test_a_delivery_is_sent_again_under_its_id(client: Client, receiver: Receiver) -> None:
    webhook = await make(client, receiver.url)
    delivery = await delivered(client, webhook["id"])
    path = f"{HOOKS}/{webhook['id']}/deliveries/{delivery['id']}"
    again = await client.post(f"{path}/redeliver")
    assert (again.status, again.json["id"], again.json["state"]) == (202, delivery["id"], "pending")
    first, second = await receiver.until("webhook.test", 2)
    assert (first.body, first.headers["x-webhook-id"]) == (second.body, second.headers["x-webhook-id"])
    seen, _ = await until(lambda: client.get(path), lambda answer: answer.json["state"] == "delivered")
    assert [attempt["number"] for attempt in seen.json["attempts"]] == [1, 2]


async def test_deliveries_are_found_by_state_event_and_time(client: Client, receiver: Receiver) -> None:
    webhook = (await make(client, receiver.url))["id"]
    arrived = await delivered(client, webhook)
    await client.patch(f"{HOOKS}/{webhook}", {"url": nowhere()})
    failing = (await client.post(f"{HOOKS}/{webhook}/test")).json

    async def found(query: str) -> list[str]:
        page = (await client.get(f"{HOOKS}/{webhook}/deliveries?{query}")).json
        assert page["total"] == len(page["data"])
        return [each["id"] for each in page["data"]]

    assert await found("") == [failing["id"], arrived["id"]]
    assert await found("state=delivered") == [arrived["id"]]
    assert await found("state=pending") == [failing["id"]]
    assert await found("state=failed") == await found("state=dropped") == []
    assert await found("event=webhook.test") == [failing["id"], arrived["id"]]
    assert await found("event=link.created") == []
    assert await found(f"since={failing['createdAt']}") == [failing["id"]]
    assert await found(f"until={failing['createdAt']}") == [arrived["id"]]
    assert await found("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z") == [failing["id"], arrived["id"]]
    for wrong, field in (
        ("state=lost", "state"),
        ("event=*", "event"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("until=9999-12-31T23:59:59-14:00", "until"),
        ("page=9999", "page"),
    ):
        answer = await client.get(f"{HOOKS}/{webhook}/deliveries?{wrong}")
        assert (answer.status, answer.json["details"][0]["field"]) == (400, field)


async def test_a_delivery_belongs_to_its_webhook(client: Client, receiver: Receiver) -> None:
    mine, other = [(await make(client, receiver.url))["id"] for _ in range(2)]
    delivery = (await delivered(client, mine))["id"]
    absent = await client.get(f"{HOOKS}/{mine}/deliveries/msg_{new_id()}")
    for path in (f"{HOOKS}/{other}/deliveries/{delivery}", f"{HOOKS}/{mine}/deliveries/{mine}"):
        answer = await client.get(path)
        assert (answer.status, answer.json["error"]) == (404, "NotFound")
    assert absent.status == 404
    assert (await client.post(f"{HOOKS}/{other}/deliveries/{delivery}/redeliver")).status == 404


async def test_a_disabled_webhook_is_sent_nothing_until_it_is_enabled(client: Client, receiver: Receiver) -> None:
    webhook = (await make(client, receiver.url, enabled=False))["id"]
    assert (await client.get(f"{HOOKS}/{webhook}")).json["disabledReason"] == "owner"
    refused = await client.post(f"{HOOKS}/{webhook}/test")
    assert (refused.status, refused.json["error"]) == (422, "UnprocessableEntity")
    enabled = (await client.post(f"{HOOKS}/{webhook}/enable")).json
    assert (enabled["enabled"], enabled["disabledReason"], enabled["disabledAt"]) == (True, None, None)
    await delivered(client, webhook)


async def test_a_receiver_that_is_gone_is_left_alone(client: Client, receiver: Receiver) -> None:
    webhook = (await make(client, receiver.url))["id"]
    receiver.status = 410
    await client.post(f"{HOOKS}/{webhook}/test")
    seen, _ = await until(lambda: client.get(f"{HOOKS}/{webhook}"), lambda answer: not answer.json["enabled"])
    assert seen.json["disabledReason"] == "gone"
    assert seen.json["disabledAt"]


async def test_for_a_day_both_secrets_sign(client: Client, receiver: Receiver) -> None:
    webhook = await make(client, receiver.url)
    rotated = (await client.post(f"{HOOKS}/{webhook['id']}/rotate-secret")).json
    assert rotated["secret"] not in (webhook["secret"], None)
    assert rotated["formerSecretEndsAt"] > rotated["rotatedAt"]
    await delivered(client, webhook["id"])
    (received,) = await receiver.until("webhook.test")
    for secret in (webhook["secret"], rotated["secret"]):
        assert standardwebhooks.Webhook(secret).verify(received.body, received.headers)
    again = (await client.post(f"{HOOKS}/{webhook['id']}/rotate-secret")).json
    await delivered(client, webhook["id"])
    _, received = await receiver.until("webhook.test", 2)
    for secret in (rotated["secret"], again["secret"]):
        assert standardwebhooks.Webhook(secret).verify(received.body, received.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(webhook["secret"]).verify(received.body, received.headers)


async def test_an_answer_with_a_secret_is_repeated_though_no_dump_shows_it(world: World, client: Client) -> None:
    sesame = f"sesame{new_id()}"
    body = {"url": nowhere(), "events": ["*"], "headers": {"X-Shop": sesame}}
    key = {"X-Idempotency-Key": new_id()}
    made = await client.post(HOOKS, body, headers=key)
    again = await client.post(HOOKS, body, headers=key)
    assert (again.status, again.body, again.headers["Idempotent-Replayed"]) == (201, made.body, "true")
    path = f"{HOOKS}/{made.json['id']}/rotate-secret"
    rotated = [await client.post(path, headers={"X-Idempotency-Key": new_id()}) for _ in range(2)]
    held = await every_row(world)
    for secret in (sesame, *(each.json["secret"] for each in (made, *rotated))):
        assert secret not in held
        assert secret.encode().hex() not in held
    # The search finds what is there to be found.
    assert made.json["id"].removeprefix("wh_") in held
