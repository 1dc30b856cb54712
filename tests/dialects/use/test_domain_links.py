"""Links on a domain of the caller's own: made there, kept there, and none that leads in circles."""

import json
from typing import Any

from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, NewClient
from tests.dialects.use.test_domains import refused
from tests.domains import DOMAINS, claim, new_name, verified
from tests.names import Names

LINKS = "/api/use/links"
THERE = {"destinationUrl": "https://example.com/there"}


async def new(client: Client, **fields: object) -> Any:
    answer = await client.post(LINKS, THERE | fields)
    assert answer.status == 201, answer.body
    return answer.json


async def test_a_link_is_made_on_a_verified_domain_and_stays_there(client: Client, names: Names) -> None:
    domain = (await verified(client, names))["domain"]
    port = client.url.rpartition(":")[2]
    for fields in ({}, {"customSlug": f"s-{new_id()}"}, {"externalId": new_id()}):
        link = await new(client, domain=domain.upper(), **fields)
        assert link["domain"] == domain
        assert link["shortUrl"] == f"http://{domain}:{port}/{link['shortCode']}"
        assert (await client.get(f"{LINKS}/{link['id']}")).json == link
        assert (await client.patch(f"{LINKS}/{link['id']}", {"title": "Changed"})).json["domain"] == domain
        refused(await client.patch(f"{LINKS}/{link['id']}", {"domain": domain}), 400, "domain")
        assert (await client.get(f"/v1/links/{link['id']}")).json["shortUrl"] == link["shortUrl"]
    ours = await new(client)
    assert ours["domain"] == client.url.removeprefix("http://")
    assert ours["shortUrl"] == f"{client.url}/{ours['shortCode']}"
    assert (await new(client, domain=ours["domain"]))["domain"] == ours["domain"]


async def test_one_short_code_is_a_link_on_each_domain(client: Client, names: Names) -> None:
    domains = [None, *[(await verified(client, names))["domain"] for _ in range(2)]]
    code = f"s-{new_id()}"
    made = [await new(client, customSlug=code, domain=domain) for domain in domains]
    assert len({link["id"] for link in made}) == 3
    for domain in domains:
        refused(await client.post(LINKS, THERE | {"customSlug": code, "domain": domain}), 409, "customSlug")


async def test_a_link_is_found_by_its_short_code_and_its_domain(client: Client, names: Names) -> None:
    domain = (await verified(client, names))["domain"]
    code = f"s-{new_id()}"
    ours, theirs = [await new(client, customSlug=code, domain=name) for name in (None, domain)]
    path = f"{LINKS}/code/{code}"
    for query in ("", f"?domain={ours['domain']}"):
        assert (await client.get(path + query)).json == ours
    for query in (f"?domain={domain}", f"?domain={domain.upper()}."):
        assert (await client.get(path + query)).json == theirs
    for nowhere in (
        f"{path}?domain={new_name()}",
        f"{LINKS}/code/{code.upper()}",
        f"{LINKS}/code/{new_id()}",
        f"{path}+",
    ):
        assert (await client.get(nowhere)).status == 404
    refused(await client.get(f"{path}?domain=no%20host"), 400, "domain")


async def test_links_are_listed_and_exported_by_their_domain(client: Client, names: Names) -> None:
    domain, empty = [(await verified(client, names))["domain"] for _ in range(2)]
    ours = [(await new(client, title=f"Ours {number}"))["id"] for number in range(2)]
    there = [(await new(client, title=f"There {number}", domain=domain, tags=["a"]))["id"] for number in range(12)]
    await client.patch(f"{LINKS}/{there[0]}", {"archived": True})

    async def listed(query: str) -> tuple[list[str], int, bool]:
        page = (await client.get(f"{LINKS}?{query}")).json
        return [link["id"] for link in page["data"]], page["total"], page["hasMore"]

    for name in (domain, f"{domain.upper()}."):
        assert await listed(f"domain={name}") == (there[:0:-1], 11, False)
    assert await listed(f"domain={domain}&sortOrder=asc&limit=10") == (there[1:11], 11, True)
    assert await listed(f"domain={domain}&sortBy=clicks&sortOrder=asc&limit=10&page=2") == (there[11:], 11, False)
    assert await listed(f"domain={domain}&tag=a&status=active&search=There%200&archived=all") == (there[:1], 1, False)
    assert await listed(f"domain={domain}&tag=b") == ([], 0, False)
    assert await listed(f"domain={client.url.removeprefix('http://')}") == (ours[::-1], 2, False)
    assert await listed(f"domain={empty}") == await listed(f"domain={new_name()}") == ([], 0, False)
    await client.delete(f"{LINKS}/{there[1]}")
    assert await listed(f"domain={domain}") == (there[:1:-1], 10, False)
    exported = await client.get(f"{LINKS}/export?format=jsonl&domain={domain}")
    assert [json.loads(line)["id"] for line in exported.body.splitlines()] == [there[0], *there[2:]]
    for path in (f"{LINKS}?domain=a%20b", f"{LINKS}?domain=", f"{LINKS}/export?domain=*.example"):
        refused(await client.get(path), 400, "domain")
    refused(await client.get(f"{LINKS}?destinationUrl=https://example.com&domain={domain}"), 400, "destinationUrl")


async def test_a_link_is_made_on_no_domain_that_is_not_the_workspaces_and_verified(
    client: Client, new_client: NewClient, names: Names
) -> None:
    theirs = (await verified(await new_client(), names))["domain"]
    tests = (await verified(await new_client(client.account, mode=Mode.TEST), names))["domain"]
    pending = (await claim(client))["domain"]
    for domain in (theirs, tests, pending, new_name()):
        body = THERE | {"domain": domain}
        for more in ({}, {"customSlug": f"s-{new_id()}"}):
            refused(await client.post(LINKS, body | more), 422, "domain")
        refused(await client.post(f"{LINKS}/bulk", {"links": [body]}), 422, "links[0].domain")
        refused(await client.send("PUT", f"{LINKS}/external/{new_id()}", body), 422, "domain")
    for domain in ("", "localhost", "1.2.3.4", "a b", "\0", "*.example", f"{theirs}:80", "x" * 3000):
        refused(await client.post(LINKS, THERE | {"domain": domain}), 400, "domain")
        refused(await client.send("PUT", f"{LINKS}/external/{new_id()}", THERE | {"domain": domain}), 400, "domain")
    assert (await client.get(f"{LINKS}?archived=all")).json["total"] == 0


async def test_many_links_are_made_on_domains_at_once(client: Client, names: Names) -> None:
    domains = [(await verified(client, names))["domain"] for _ in range(2)]
    body = {"links": [THERE | {"domain": domain} for domain in (*domains, None, new_name())], "atomic": False}
    results = (await client.post(f"{LINKS}/bulk", body)).json["results"]
    assert [each["result"] for each in results] == ["created", "created", "created", "refused"]
    assert [each["link"]["domain"] for each in results[:2]] == domains
    assert results[3]["error"]["details"][0]["field"] == "domain"


async def test_an_id_of_the_callers_finds_its_link_on_whatever_domain(client: Client, names: Names) -> None:
    domain, other = [(await verified(client, names))["domain"] for _ in range(2)]
    path = f"{LINKS}/external/{new_id()}"
    made = await client.send("PUT", path, THERE | {"domain": domain})
    assert (made.status, made.json["domain"]) == (201, domain)
    same = await client.send("PUT", path, {"title": "Changed", "domain": domain})
    assert (same.status, same.json["domain"], same.json["title"]) == (200, domain, "Changed")
    for elsewhere in (other, client.url.removeprefix("http://")):
        refused(await client.send("PUT", path, {"title": "No", "domain": elsewhere}), 422, "domain")
    assert (await client.get(path)).json == same.json


async def test_a_file_is_taken_onto_a_domain_and_what_was_exported_can_be_taken_in_again(
    client: Client, new_client: NewClient, names: Names
) -> None:
    domain = (await verified(client, names))["domain"]
    codes = [f"s-{new_id()}" for _ in range(3)]
    file = "\n".join(json.dumps(THERE | {"customSlug": code}) for code in codes).encode()
    for place in (f"&domain={domain}", ""):
        answer = await client.send("POST", f"{LINKS}/import?format=waypost{place}", data=file)
        assert (answer.json["created"], answer.json["failed"]) == (3, 0)
    wrong = await client.send("POST", f"{LINKS}/import?format=waypost&domain={new_name()}", data=file)
    assert [each["field"] for each in wrong.json["errors"]] == ["domain"] * 3
    for name in ("csv", "jsonl"):
        exported = (await client.get(f"{LINKS}/export?format={name}")).body
        assert exported.decode().count(domain) == 6
        other = await new_client()
        theirs = (await verified(other, names))["domain"]
        taken = await other.send("POST", f"{LINKS}/import?domain={theirs}&onConflict=rename", data=exported)
        assert (taken.json["format"], taken.json["created"], taken.json["failed"]) == ("waypost", 6, 0)
        listed = (await other.get(LINKS)).json["data"]
        assert {link["domain"] for link in listed} == {theirs}


async def test_a_domain_with_links_is_not_given_up(client: Client, names: Names) -> None:
    domain = await verified(client, names)
    path = f"{DOMAINS}/{domain['id']}"
    made = [await new(client, domain=domain["domain"]) for _ in range(3)]
    answer = await client.delete(path)
    refused(answer, 409, "domain")
    assert "(3)" in answer.json["message"]
    ids = ",".join(link["id"] for link in made)
    assert (await client.delete(f"{LINKS}/bulk?ids={ids}")).status == 200
    assert (await client.delete(path)).status == 204
    refused(await client.post(LINKS, THERE | {"domain": domain["domain"]}), 422, "domain")


async def test_no_link_leads_to_a_domain_of_anybodys(client: Client, new_client: NewClient, names: Names) -> None:
    theirs = (await verified(await new_client(), names))["domain"]
    mine = (await verified(client, names))["domain"]
    kept = await new(client, externalId="kept")
    for host in (theirs, mine, theirs.upper(), f"{theirs}.", f"{theirs}:8443", theirs.replace(".", "\uff0e")):
        for field in ("destinationUrl", "expiredUrl"):
            body = THERE | {field: f"https://{host}/there"}
            for more in ({}, {"customSlug": f"s-{new_id()}"}, {"domain": mine}):
                refused(await client.post(LINKS, body | more), 422, field)
            refused(await client.post(f"{LINKS}/bulk", {"links": [THERE, body]}), 422, f"links[1].{field}")
            refused(await client.patch(f"{LINKS}/{kept['id']}", {field: body[field]}), 422, field)
            edit = {"links": [{"id": kept["id"], field: body[field]}]}
            refused(await client.patch(f"{LINKS}/bulk", edit), 422, f"links[0].{field}")
            refused(await client.send("PUT", f"{LINKS}/external/kept", {field: body[field]}), 422, field)
            refused(await client.send("PUT", f"{LINKS}/external/new", body), 422, field)
            line = await client.send("POST", f"{LINKS}/import?format=waypost", data=json.dumps(body).encode())
            assert [each["field"] for each in line.json["errors"]] == [field]
        old = await client.post("/v1/links", {"title": "x", "url": f"https://{host}/there"})
        assert (old.status, old.json["error"]["details"][0]["field"]) == (400, "url")
    listed = await client.get(f"{LINKS}?archived=all")
    assert listed.json["data"] == [kept]
    # One that is only claimed is not anybody's.
    pending = (await claim(client))["domain"]
    await new(client, destinationUrl=f"https://{pending}/")
