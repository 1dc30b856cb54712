"""Domains by /api/use: claimed, proved by the DNS, given up."""

import json

import pytest

from shared.contracts.modes import Mode
from shared.ids import new as new_id
from shared.settings import Settings
from tests.client import Answer, Client, NewClient, until
from tests.domains import DOMAINS, claim, new_name, prove, verified
from tests.names import Names
from tests.world import World

NO_NAMES = [
    *(
        "",
        ".",
        "links",
        "localhost",
        "a.localhost",
        "127.0.0.1",
        "1.2.3",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "::1",
        "a.1",
    ),
    *(
        "links.example:80",
        "https://links.example",
        "links.example/",
        "//links.example",
        "user@links.example",
        "*.example",
    ),
    *("a..example", ".example", "-a.example", "a-.example", "_waypost.example", "a b.example", "a%2e.example"),
    *("links.example\n", "links.example\0", "a\u202eb.example", "\ud800.example", "xn--a.example", "\u2488.example"),
    *(f"{'a' * 64}.example", ".".join(["a" * 60] * 4) + ".example"),
]


def refused(answer: Answer, status: int, field: str) -> None:
    assert answer.status == status, answer.body
    assert [each["field"] for each in answer.json["details"]] == [field]


async def test_a_domain_is_claimed_read_listed_changed_and_given_up(client: Client) -> None:
    name = new_name()
    made = await claim(client, name.upper(), rootUrl="https://www.example.com/")
    assert (made["domain"], made["status"], made["mode"], made["target"]) == (name, "pending", "live", "127.0.0.1")
    assert made["id"].startswith("dom_")
    assert (made["verification"]["type"], made["verification"]["name"]) == ("TXT", f"_waypost.{name}")
    assert made["verification"]["value"].startswith("waypost-verification=")
    assert [made[each] for each in ("problem", "checkedAt", "verifiedAt", "notFoundUrl")] == [None] * 4
    path = f"{DOMAINS}/{made['id']}"
    assert (await client.get(path)).json == made
    page = (await client.get(DOMAINS)).json
    assert (page["data"], page["total"], page["hasMore"]) == ([made], 1, False)
    changes = {"rootUrl": None, "notFoundUrl": "https://www.example.com/gone"}
    changed = (await client.patch(path, changes)).json
    assert changed == made | changes | {"updatedAt": changed["updatedAt"]}
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.delete(path)).status == 404
    assert (await client.get(DOMAINS)).json["total"] == 0


async def test_lists_come_page_by_page_newest_first(client: Client) -> None:
    made = [(await claim(client))["id"] for _ in range(12)]
    first, second = [(await client.get(f"{DOMAINS}?limit=10&page={page}")).json for page in (1, 2)]
    assert [each["id"] for each in (*first["data"], *second["data"])] == made[::-1]
    assert (first["total"], first["hasMore"], second["hasMore"]) == (12, True, False)
    refused(await client.get(f"{DOMAINS}?limit=11"), 400, "limit")


@pytest.mark.parametrize(
    ("spelled", "kept"),
    [
        ("Bücher.{}", "xn--bcher-kva.{}"),
        ("LINKS.{}.", "links.{}"),
        ("a--b.c.{}", "a--b.c.{}"),
        ("ｌｉｎｋｓ。{}", "links.{}"),
    ],
)
async def test_a_name_is_kept_as_the_dns_has_it(client: Client, spelled: str, kept: str) -> None:
    zone = new_name()
    assert (await claim(client, spelled.format(zone)))["domain"] == kept.format(zone)
    refused(await client.post(DOMAINS, {"domain": kept.format(zone)}), 409, "domain")


@pytest.mark.parametrize("name", NO_NAMES, ids=ascii)
async def test_what_cannot_be_a_domain_is_refused(client: Client, name: str) -> None:
    # As ASCII, so that halves of characters can be sent too.
    refused(await client.send("POST", DOMAINS, data=json.dumps({"domain": name}).encode()), 400, "domain")


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"domain": None}, 400, "domain"),
        ({"domain": 7}, 400, "domain"),
        ({"name": "links.example"}, 400, "name"),
        ({"rootUrl": "ftp://example.com"}, 400, "rootUrl"),
        ({"notFoundUrl": "https://user:word@example.com"}, 400, "notFoundUrl"),
        ({"notFoundUrl": "https://example.com/" + "x" * 2048}, 400, "notFoundUrl"),
        ({"rootUrl": "http://127.0.0.1:8080/"}, 422, "rootUrl"),
    ],
    ids=str,
)
async def test_what_cannot_be_is_refused_by_its_name(
    client: Client, wrong: dict[str, object], status: int, field: str
) -> None:
    refused(await client.post(DOMAINS, {"domain": new_name()} | wrong), status, field)
    if field.endswith("Url"):
        made = await claim(client)
        refused(await client.patch(f"{DOMAINS}/{made['id']}", wrong), status, field)


async def test_neither_address_of_a_domain_leads_to_a_domain(
    client: Client, new_client: NewClient, names: Names
) -> None:
    theirs = (await verified(await new_client(), names))["domain"]
    mine = await claim(client)
    path = f"{DOMAINS}/{mine['id']}"
    for host in (theirs, theirs.upper(), f"{theirs}.", f"{theirs}:8443", mine["domain"]):
        for field in ("rootUrl", "notFoundUrl"):
            refused(await client.patch(path, {field: f"https://{host}/there"}), 422, field)
    refused(await client.post(DOMAINS, {"domain": new_name(), "rootUrl": f"https://{theirs}"}), 422, "rootUrl")


async def test_the_dns_tells_whose_a_domain_is(client: Client, names: Names) -> None:
    domain = await claim(client)
    path = f"{DOMAINS}/{domain['id']}"

    async def problem() -> str:
        answer = await client.post(f"{path}/verify")
        assert (answer.status, answer.json["status"], answer.json["verifiedAt"]) == (200, "pending", None)
        assert answer.json["checkedAt"]
        assert (await client.get(path)).json == answer.json
        told: str = answer.json["problem"]
        return told

    record = domain["verification"]["name"]
    assert await problem() == f"There is no TXT record at {record}"
    names.writes(record)
    assert await problem() == f"There is no TXT record at {record}"
    names.writes(record, "v=spf1 -all", domain["verification"]["value"] + "0")
    assert await problem() == f"No TXT record at {record} says what it should"
    names.silent.add(record)
    assert await problem() == "The DNS did not answer in time"
    names.silent.remove(record)
    prove(names, domain)
    answer = await client.post(f"{path}/verify")
    assert (answer.json["status"], answer.json["problem"]) == ("verified", None)
    assert answer.json["verifiedAt"] == answer.json["checkedAt"] == answer.json["updatedAt"]
    # It stays so, and nobody asks the DNS any more.
    names.writes(record)
    assert (await client.post(f"{path}/verify")).json == answer.json


async def test_a_look_that_has_verified_nothing_is_tried_again_under_the_same_key(client: Client, names: Names) -> None:
    domain = await claim(client)
    path, key = f"{DOMAINS}/{domain['id']}/verify", {"X-Idempotency-Key": new_id()}
    pending = await client.post(path, headers=key)
    assert (pending.json["status"], bool(pending.json["problem"])) == ("pending", True)
    assert (await client.get(f"{DOMAINS}/{domain['id']}")).json == pending.json
    prove(names, domain)
    found = await client.post(path, headers=key)
    assert (found.json["status"], found.headers.get("Idempotent-Replayed")) == ("verified", None)
    again = await client.post(path, headers=key)
    assert (again.body, again.headers["Idempotent-Replayed"]) == (found.body, "true")


async def test_many_claim_a_domain_and_one_has_it(client: Client, new_client: NewClient, names: Names) -> None:
    name = new_name()
    mine, others = await claim(client, name), await new_client()
    theirs = await claim(others, name)
    tests = await new_client(client.account, mode=Mode.TEST)
    tried = await claim(tests, name)
    record = mine["verification"]["name"]
    assert {each["verification"]["name"] for each in (mine, theirs, tried)} == {record}
    proofs = [each["verification"]["value"] for each in (mine, theirs, tried)]
    assert len(set(proofs)) == 3
    names.writes(record, *proofs)
    assert (await client.post(f"{DOMAINS}/{mine['id']}/verify")).json["status"] == "verified"
    for who, domain in ((others, theirs), (tests, tried)):
        path = f"{DOMAINS}/{domain['id']}"
        for headers in ({}, {"X-Idempotency-Key": new_id()}):
            refused(await who.post(f"{path}/verify", headers=headers), 409, "domain")
        seen = (await who.get(path)).json
        assert (seen["status"], "another workspace" in seen["problem"]) == ("pending", True)
    assert (await client.delete(f"{DOMAINS}/{mine['id']}")).status == 204
    assert (await others.post(f"{DOMAINS}/{theirs['id']}/verify")).json["status"] == "verified"


async def test_a_proved_domain_is_found_without_being_asked_for(world: World, client: Client, names: Names) -> None:
    copy = world.service(
        "links", 2, domains_dns_servers=names.server, domains_look_seconds=0.1, domains_poll_seconds=0.1
    )
    await world.services["links"].stop()
    try:
        await copy.start_serving()
        domain = await claim(client)
        path = f"{DOMAINS}/{domain['id']}"
        await until(lambda: client.get(path), lambda seen: seen.json["problem"] is not None)
        prove(names, domain)
        await until(lambda: client.get(path), lambda seen: seen.json["status"] == "verified")
    finally:
        await copy.stop()
        await world.services["links"].start()
        await world.until_answered("links")


async def test_a_workspace_has_as_many_domains_as_the_operator_allows(client: Client) -> None:
    most = Settings(nats_url="").domains_most
    made = [(await claim(client))["id"] for _ in range(most)]
    answer = await client.post(DOMAINS, {"domain": new_name()})
    assert (answer.status, answer.json["error"]) == (403, "Forbidden")
    assert str(most) in answer.json["message"]
    await client.delete(f"{DOMAINS}/{made[0]}")
    await claim(client)


async def test_reading_writing_and_deleting_are_permissions_of_their_own(client: Client, new_client: NewClient) -> None:
    domain = await claim(client)
    path = f"{DOMAINS}/{domain['id']}"
    reader, writer, remover = [
        await new_client(client.account, scopes=(f"domains:{verb}",)) for verb in ("read", "write", "delete")
    ]
    for who in (reader, writer, remover):
        allowed = {reader: "GET", writer: "POST PATCH", remover: "DELETE"}[who].split()
        for method, at, body in (
            ("GET", DOMAINS, None),
            ("GET", path, None),
            ("POST", DOMAINS, {"domain": new_name()}),
            ("PATCH", path, {}),
            ("POST", f"{path}/verify", None),
            ("DELETE", f"{DOMAINS}/dom_{new_id()}", None),
        ):
            answer = await who.send(method, at, body)
            assert (answer.status == 403) == (method not in allowed), (method, at, answer.status)
    assert (await client.with_key(None).get(DOMAINS)).status == 401
