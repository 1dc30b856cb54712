"""Links by /api/use: one at a time, lists, filters, pages, and links that have an id of the caller's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Answer, Client, NewClient, until

THERE = "https://example.com/there"
OWN_HOST = "http://127.0.0.1:8080/there"  # as the services know it


async def new(client: Client, **fields: object) -> Any:
    answer = await client.post("/api/use/links", {"destinationUrl": THERE} | fields)
    assert answer.status == 201, answer.body
    return answer.json


async def listed(client: Client, query: str = "") -> list[str]:
    answer = await client.get(f"/api/use/links?{query}")
    assert answer.status == 200, answer.body
    return [link["title"] for link in answer.json["data"]]


def refused(answer: Answer, status: int, field: str) -> None:
    assert answer.status == status, answer.body
    assert answer.json["details"][0]["field"] == field


async def test_everything_that_can_be_said_of_a_link_is_kept_and_told(client: Client) -> None:
    fields = {
        "customSlug": f"Slug-{new_id()}",
        "title": "Sale",
        "description": "A sale\nin summer",
        "thumbnail": "https://example.com/sale.png",
        "active": False,
        "position": 7,
        "tags": ["summer", "sale"],
        "metadata": {"campaign": 7, "nested": {"a": [1, None]}},
        "expiresAt": "2099-12-31T23:59:59+01:00",
        "expiredUrl": "https://example.com/over",
        "maxClicks": 100,
        "showOnProfile": False,
        "forwardQuery": True,
        "externalId": f"crm/{new_id()}",
        "archived": True,
    }
    made = await new(client, **fields, password="open sesame")
    assert made["expiresAt"] == "2099-12-31T22:59:59.000Z"
    assert made["hasPassword"]
    assert "open sesame" not in str(made)
    told = made | {"customSlug": made["shortCode"], "expiresAt": fields["expiresAt"]}
    assert {name: told[name] for name in fields} == fields
    assert made["shortUrl"].endswith(f"/{made['shortCode']}")
    assert (await client.get(f"/api/use/links/{made['id']}")).json == made


async def test_a_change_changes_what_is_given_and_null_clears(client: Client) -> None:
    made = await new(client, title="Sale", tags=["summer"], maxClicks=5, password="open sesame", externalId="crm-1")
    path = f"/api/use/links/{made['id']}"
    assert (await client.patch(path, {})).json | {"updatedAt": ""} == made | {"updatedAt": ""}
    changed = (await client.patch(path, {"title": None, "maxClicks": None, "password": None, "externalId": None})).json
    assert (changed["title"], changed["maxClicks"], changed["hasPassword"], changed["externalId"]) == (
        None, None, False, None,
    )  # fmt: skip
    assert (changed["tags"], changed["destinationUrl"]) == (["summer"], THERE)
    assert (await client.patch(path, {"active": False})).json["status"] == "inactive"


async def test_a_deleted_link_is_gone(client: Client, visitor: Client) -> None:
    made = await new(client)
    answer = await client.delete(f"/api/use/links/{made['id']}")
    assert (answer.status, answer.body) == (204, b"")
    assert (await client.get(f"/api/use/links/{made['id']}")).status == 404
    await until(lambda: visitor.get(f"/{made['shortCode']}"), lambda answer: answer.status == 404)


async def test_what_is_ill_formed_is_400_what_is_impossible_422_and_what_is_taken_409(client: Client) -> None:
    other, changing = await new(client, externalId="crm-1"), await new(client)
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    for field, value, status in (
        ("expiresAt", past, 422),
        ("customSlug", "api", 422),
        ("customSlug", "Docs", 422),
        ("destinationUrl", OWN_HOST, 422),
        ("customSlug", other["shortCode"], 409),
        ("externalId", "crm-1", 409),
        ("customSlug", "a b", 400),
        ("expiresAt", "2099-12-31", 400),
        ("expiresAt", "2099-12-31T23:59:59", 400),
        ("expiresAt", "tomorrow", 400),
        ("expiresAt", "9999-12-31T23:59:59-14:00", 400),
        ("destinationUrl", "ftp://example.com", 400),
        ("tags", ["a", "a"], 400),
        ("metadata", [], 400),
        ("metadata", {"deep": [{"n": 10**30}]}, 400),
        ("maxClicks", 0, 400),
        ("slug", "summer-sale", 400),
    ):
        refused(await client.post("/api/use/links", {"destinationUrl": THERE, field: value}), status, field)
        refused(await client.patch(f"/api/use/links/{changing['id']}", {field: value}), status, field)
    assert (await client.get("/api/use/links?archived=all")).json["total"] == 2
    assert (await client.get(f"/api/use/links/{changing['id']}")).json == changing


async def test_lists_are_filtered_and_sorted(client: Client, visitor: Client) -> None:
    first = await new(client, title="Alpha", tags=["a", "x"])
    await new(client, title="Beta", tags=["b"], active=False)
    await new(client, title="Gamma", tags=["a"], destinationUrl="https://example.org/Special")
    await new(client, title="Delta", archived=True, tags=["x"])
    assert await listed(client) == ["Gamma", "Beta", "Alpha"]
    assert await listed(client, "sortOrder=asc") == ["Alpha", "Beta", "Gamma"]
    assert await listed(client, "tag=a") == ["Gamma", "Alpha"]
    assert await listed(client, "status=inactive") == ["Beta"]
    assert await listed(client, "status=active&tag=a&search=GAMMA") == ["Gamma"]
    assert await listed(client, "search=special") == ["Gamma"]
    assert await listed(client, f"search={first['shortCode']}") == ["Alpha"]
    assert await listed(client, "archived=true") == ["Delta"]
    assert await listed(client, "archived=all&tag=x") == ["Delta", "Alpha"]
    assert await listed(client, "status=expired") == []
    assert (await visitor.get(f"/{first['shortCode']}")).status == 302
    await until(lambda: listed(client, "sortBy=clicks"), lambda titles: titles[0] == "Alpha")


async def test_links_are_found_by_where_they_lead(client: Client) -> None:
    await new(client, title="Here", destinationUrl="https://example.com/a?b=c")
    await new(client, title="Put away", destinationUrl="https://EXAMPLE.com/a?b=c", archived=True)
    await new(client, title="Elsewhere")
    address = quote("https://example.com/a?b=c", safe="")
    assert await listed(client, f"destinationUrl={address}") == ["Put away", "Here"]
    assert await listed(client, f"destinationUrl={address}&limit=10&page=2") == []
    refused(await client.get(f"/api/use/links?destinationUrl={address}&tag=a"), 400, "destinationUrl")
    refused(await client.get("/api/use/links?destinationUrl=javascript:x"), 400, "destinationUrl")


@pytest.mark.parametrize(
    ("query", "page", "per_page", "titles"),
    [
        ("", 1, 20, [*"LKJIHGFEDCBA"]),
        ("limit=10", 1, 10, [*"LKJIHGFEDC"]),
        ("perPage=10&page=2", 2, 10, [*"BA"]),
        ("perPage=50&limit=10&page=2", 2, 10, [*"BA"]),
        ("limit=100&page=7", 7, 100, []),
    ],
)
async def test_lists_come_in_pages(client: Client, query: str, page: int, per_page: int, titles: list[str]) -> None:
    body = {"links": [{"destinationUrl": THERE, "title": title} for title in "ABCDEFGHIJKL"]}
    assert (await client.post("/api/use/links/bulk", body)).status == 200
    answer = (await client.get(f"/api/use/links?{query}")).json
    assert sorted(link["title"] for link in answer.pop("data")) == sorted(titles)
    assert answer == {"total": 12, "page": page, "perPage": per_page, "hasMore": page == 1 and per_page == 10}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1.5", "page"),
        ("page=99999999999", "page"),
        ("limit=0", "limit"),
        ("limit=11", "limit"),
        ("limit=", "limit"),
        ("perPage=25", "perPage"),
        ("perPage=25&limit=10", "perPage"),
        ("per_page=10", "per_page"),
        ("offset=10", "offset"),
        ("sortBy=title", "sortBy"),
        ("sortOrder=up", "sortOrder"),
        ("status=gone", "status"),
        ("archived=maybe", "archived"),
        ("search=", "search"),
    ],
)
async def test_a_query_that_cannot_be_is_refused_with_the_field(client: Client, query: str, field: str) -> None:
    refused(await client.get(f"/api/use/links?{query}"), 400, field)


async def test_a_link_can_be_put_and_found_by_an_id_of_the_callers(client: Client, new_client: NewClient) -> None:
    path = "/api/use/links/external/crm-4711"
    assert (await client.get(path)).status == 404
    refused(await client.put(path, json={"title": "Nowhere"}), 400, "destinationUrl")
    made = await client.put(path, json={"destinationUrl": THERE, "title": "One"})
    assert (made.status, made.json["externalId"]) == (201, "crm-4711")
    changed = await client.put(path, json={"title": "Two"})
    assert (changed.status, changed.json["id"], changed.json["title"]) == (200, made.json["id"], "Two")
    assert (await client.get(path)).json == changed.json
    refused(await client.put(path, json={"externalId": "other"}), 400, "externalId")
    tester = await new_client(client.account, mode=Mode.TEST)
    assert (await tester.get(path)).status == 404
    assert (await tester.put(path, json={"destinationUrl": THERE})).status == 201


@pytest.mark.parametrize("name", ["crm/4711", "ä b", "50%", "a?b#c", "x" * 255])
async def test_an_id_of_the_callers_may_be_any_text(client: Client, name: str) -> None:
    path = "/api/use/links/external/" + quote(name, safe="")
    made = await client.put(path, json={"destinationUrl": THERE})
    assert (made.status, made.json["externalId"]) == (201, name)
    assert (await client.get(path)).json == made.json


async def test_tags_are_counted(client: Client) -> None:
    await new(client, tags=["b", "a"])
    await new(client, tags=["b"])
    await new(client, tags=["b", "c"], archived=True)
    answer = (await client.get("/api/use/tags?limit=10")).json
    assert answer == {
        "data": [{"name": "a", "links": 1}, {"name": "b", "links": 2}],
        "total": 2,
        "page": 1,
        "perPage": 10,
        "hasMore": False,
    }
