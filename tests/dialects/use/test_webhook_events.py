"""What webhooks are told is what this API would have answered; and all of it is as documented."""

import asyncio
from typing import Any

from shared.contracts.keys import RevokeKey
from shared.contracts.modes import Mode
from tests.client import Client, NewClient, until
from tests.domains import verified
from tests.names import Names
from tests.receiver import Received, Receiver, receiving
from tests.world import World

HOOKS = "/api/use/webhooks"
LINK = {
    "destinationUrl": "https://example.com/landing-page",
    "title": "Summer 🌻",
    "tags": ["summer", "größe"],
    "metadata": {"a": [1, {"b": None}]},
    "expiresAt": "2099-01-31T09:05:00Z",
    "maxClicks": 5,
}

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


async def listen(client: Client, receiver: Receiver, *events: str, **fields: object) -> Any:
    made = await client.post(HOOKS, {"url": receiver.url, "events": events or ["*"], **fields})
    assert made.status == 201, made.body
    return made.json


def same(told: Any, answered: Any) -> bool:
    """But for the origin of short addresses: in a test run the services do not know that of the gateway."""
    origin = {"shortUrl": "", "domain": ""}
    return bool(told | origin == answered | origin and told["shortUrl"].rpartition("/")[2] == answered["shortCode"])


async def test_what_becomes_of_a_link_is_told_as_it_is_answered(client: Client, receiver: Receiver) -> None:
    await listen(client, receiver)
    created = (await client.post("/api/use/links", LINK)).json
    path = f"/api/use/links/{created['id']}"
    changed = (await client.patch(path, {"title": None, "active": False, "password": "open sesame"})).json
    await client.delete(path)
    for event, answered in (("link.created", created), ("link.updated", changed), ("link.deleted", changed)):
        (told,) = await receiver.until(event)
        assert told.json["type"] == event
        assert (told.json["mode"], told.json["createdAt"] >= created["createdAt"]) == ("live", True)
        assert same(told.json["data"], answered), told.body


async def test_each_link_of_a_bulk_request_is_told_by_itself(client: Client, receiver: Receiver) -> None:
    await listen(client, receiver, "link.created", "link.deleted")
    made = (await client.post("/api/use/links/bulk", {"links": [LINK, LINK, LINK]})).json["results"]
    links = {each["link"]["id"]: each["link"] for each in made}
    told = [each.json["data"] for each in await receiver.until("link.created", 3)]
    assert {each["id"] for each in told} == set(links)
    assert all(same(each, links[each["id"]]) for each in told)
    await client.delete(f"/api/use/links/bulk?ids={','.join(links)}")
    gone = await receiver.until("link.deleted", 3)
    assert {each.json["data"]["id"] for each in gone} == set(links)


async def test_clicks_are_told_one_by_one_or_together(client: Client, receiver: Receiver) -> None:
    visitor = client.with_key(None)
    await listen(client, receiver, "link.clicked")
    async with receiving() as other:
        await listen(client, other, "link.clicked", batch=True)
        await until_told(client, receiver, other)
        link = (await client.post("/api/use/links", LINK | {"maxClicks": None})).json
        visit = f"/{link['shortCode']}?utm_source=told"
        for agent in (PHONE, BOT, PHONE, PHONE):
            assert (await visitor.get(visit, headers={"User-Agent": agent})).status == 302
        clicks = await until_clicked(receiver, link)
        together = await until_clicked(other, link)
    assert sorted(each["id"] for each in together) == sorted(each["id"] for each in clicks)
    for click in clicks:
        assert (click["device"], click["os"], click["utmSource"], click["referrer"]) == (
            "Mobile",
            "iOS",
            "told",
            "Direct",
        )
        assert {name: click["link"][name] for name in ("id", "shortCode", "title", "tags")} == {
            name: link[name] for name in ("id", "shortCode", "title", "tags")
        }
    assert len(clicked(receiver, link)) == 3


def clicked(receiver: Receiver, link: Any) -> list[Any]:
    """Of one link, told one by one or together."""
    told = [each.json["data"] for each in receiver.received if each.event == "link.clicked"]
    clicks = [click for data in told for click in data.get("clicks", [data])]
    return [click for click in clicks if click["link"]["id"] == link["id"]]


async def until_clicked(receiver: Receiver, link: Any) -> list[Any]:
    async def look() -> list[Any]:
        return clicked(receiver, link)

    seen, _ = await until(look, lambda found: len(found) >= 3)
    await receiver.until("link.clicked")  # held against the document
    return list(seen)


async def until_told(client: Client, *receivers: Receiver) -> None:
    """Whoever counts the clicks hears of a new webhook a moment later."""
    link = (await client.post("/api/use/links", LINK | {"maxClicks": None})).json
    visitor = client.with_key(None)

    async def look() -> bool:
        await visitor.get(f"/{link['shortCode']}", headers={"User-Agent": PHONE})
        await asyncio.sleep(0.1)
        return all(clicked(receiver, link) for receiver in receivers)

    await until(look, bool)


async def test_what_becomes_of_a_qr_code_is_told_as_it_is_answered(client: Client, receiver: Receiver) -> None:
    await listen(client, receiver, "qr.created", "qr.deleted")
    link = (await client.post("/api/use/links", LINK)).json
    look = {"title": "Poster", "foreground": "#1b2a49", "background": "transparent", "margin": 2}
    codes = [(await client.post("/api/use/qr", {"linkId": link["id"], **look})).json for _ in range(3)]
    await client.delete(f"/api/use/qr/{codes[0]['id']}")
    await client.delete(f"/api/use/links/{link['id']}")
    for event in ("qr.created", "qr.deleted"):
        told = {each.json["data"]["id"]: each.json["data"] for each in await receiver.until(event, 3)}
        # In a test run the services do not know the origin of the gateway.
        places = ("url", "imageUrl")
        for code in codes:
            assert told[code["id"]] | dict.fromkeys(places) == code | dict.fromkeys(places)
            assert all(told[code["id"]][place].rpartition("/")[2] == code[place].rpartition("/")[2] for place in places)


async def test_a_scan_is_told_once_as_the_click_that_it_is_and_whose_code_it_was(
    client: Client, receiver: Receiver
) -> None:
    visitor = client.with_key(None)
    _, printed, scanned_at = await printed_link(client)
    await listen(client, receiver, "qr.scanned", batch=True)

    async def scan() -> list[Any]:
        await visitor.get(scanned_at, headers={"User-Agent": PHONE})
        await asyncio.sleep(0.1)
        return [each for each in receiver.received if each.event == "qr.scanned"]

    first, *_ = (await until(scan, bool))[0]
    async with receiving() as other:
        await listen(client, other)
        await until_told(client, other)
        # Another one, because scans of the first may still be on their way.
        link, code, address = await printed_link(client)
        path = address.partition("?")[0]
        for each in (path, f"{path}?qr=nobody", address):
            assert (await visitor.get(each, headers={"User-Agent": PHONE})).status == 302
        assert (await visitor.get(address, headers={"User-Agent": BOT})).status == 302
        clicks = await until_clicked(other, link)

        async def scans() -> list[Any]:
            told = [each.json for each in await other.until("qr.scanned")]
            return [each for each in told if each["data"]["link"]["id"] == link["id"]]

        (scanned,) = (await until(scans, bool))[0]
    data = scanned["data"]
    assert (data["qrCodeId"], data["link"]["id"], data["device"]) == (code["id"], link["id"], "Mobile")
    assert {name: value for name, value in data.items() if name != "qrCodeId"} in clicks
    assert scanned["id"] != f"evt_{data['id'].removeprefix('click_')}"
    assert first.json["data"]["qrCodeId"] == printed["id"]
    assert {each.event for each in receiver.received} == {"qr.scanned"}
    heard = [each.json["id"] for each in receiver.received]
    assert len(heard) == len(set(heard))


async def printed_link(client: Client) -> tuple[Any, Any, str]:
    """A link, a QR code that leads to it, and what is asked for by whoever scans that."""
    link = (await client.post("/api/use/links", LINK | {"maxClicks": None})).json
    code = (await client.post("/api/use/qr", {"linkId": link["id"]})).json
    return link, code, f"/{link['shortCode']}?{code['url'].partition('?')[2]}"


async def test_a_verified_domain_is_told_as_it_is_answered(client: Client, receiver: Receiver, names: Names) -> None:
    await listen(client, receiver, "domain.verified", "link.created", "link.deleted")
    domain = await verified(client, names, rootUrl="https://example.com/")
    link = (await client.post("/api/use/links", LINK | {"domain": domain["domain"]})).json
    (told,) = await receiver.until("domain.verified")
    assert (told.json["data"], told.json["mode"]) == (domain, "live")
    (made,) = await receiver.until("link.created")
    assert made.json["data"]["domain"] == link["domain"] == domain["domain"]
    # Looked at once more, it is the same; so is what else becomes of it.
    path = f"/api/use/domains/{domain['id']}"
    await client.post(f"{path}/verify")
    await client.patch(path, {"rootUrl": None})
    await client.delete(f"/api/use/links/{link['id']}")
    await client.delete(path)
    await receiver.until("link.deleted")
    assert len({each.json["id"] for each in receiver.received if each.event == "domain.verified"}) == 1


async def test_the_profile_is_told_as_it_is_answered(client: Client, receiver: Receiver) -> None:
    await listen(client, receiver, "profile.updated")
    changed = (await client.patch("/v1/profile", {"name": "Ada", "bio": "Counts"})).json
    (told,) = await receiver.until("profile.updated")
    assert told.json["data"] == changed


async def test_keys_are_told_but_for_their_use(world: World, client: Client, receiver: Receiver) -> None:
    await listen(client, receiver, "key.created", "key.revoked")
    made = await world.key(client.account, name="Shop", limit=7, allowlist=("127.0.0.0/8",))
    answered = (await client.with_key(made.secret).get("/api/use/key")).json
    await world.bus.ask(RevokeKey(id=made.key.id))
    (revoked,) = await receiver.until("key.revoked")

    async def look() -> list[Received]:
        # The client's own key is so young that the webhook may hear of it, too.
        return [each for each in await receiver.until("key.created") if each.json["data"]["id"] == answered["id"]]

    (created,), _ = await until(look, bool)
    limits = {"limit": 7, "window": "hour"}
    gone = {name: value for name, value in answered.items() if name not in ("lastUsedAt", "tier")}
    assert created.json["data"] == gone | {"limits": limits, "revokedAt": None}
    assert revoked.json["data"]["revokedAt"]
    assert made.secret.encode() not in created.body + revoked.body


async def test_that_a_webhook_was_disabled_is_told_to_the_others(client: Client, receiver: Receiver) -> None:
    async with receiving() as gone:
        gone.status = 410
        await listen(client, receiver, "webhook.disabled")
        doomed = (await listen(client, gone, "*"))["id"]
        await client.post(f"{HOOKS}/{doomed}/test")
        (told,) = await receiver.until("webhook.disabled")
        answered = (await client.get(f"{HOOKS}/{doomed}")).json
    # How it fares is written down at about the same time.
    fares = dict.fromkeys(("waiting", "failures", "lastFailureAt"))
    assert told.json["data"] | fares == answered | fares
    assert (answered["enabled"], answered["disabledReason"]) == (False, "gone")


async def test_modes_are_told_apart(client: Client, new_client: NewClient, receiver: Receiver) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    await listen(client, receiver, "link.created")
    made = (await tester.post("/api/use/links", LINK)).json
    live = (await client.post("/api/use/links", LINK)).json
    assert [each.json["data"]["id"] for each in await receiver.until("link.created")] == [live["id"]]
    await listen(tester, receiver, "link.created")
    again = (await tester.post("/api/use/links", LINK)).json
    _, told = await receiver.until("link.created", 2)
    assert (told.json["mode"], told.json["data"]["id"]) == ("test", again["id"])
    assert made["id"] not in str([each.body for each in receiver.received])
