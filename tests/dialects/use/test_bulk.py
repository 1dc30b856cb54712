"""Several links in one request: all of them or none, or each for itself."""

from typing import Any

import pytest

from shared.ids import new as new_id
from tests.client import Client, NewClient

THERE = "https://example.com/there"
BULK = "/api/use/links/bulk"


async def made(client: Client, number: int) -> list[Any]:
    body = {"links": [{"destinationUrl": THERE, "title": f"Link {each}"} for each in range(number)]}
    answer = await client.post(BULK, body)
    assert answer.status == 200, answer.body
    assert {each["result"] for each in answer.json["results"]} == {"created"}
    return [each["link"] for each in answer.json["results"]]


async def total(client: Client) -> int:
    number: int = (await client.get("/api/use/links?archived=all")).json["total"]
    return number


async def test_a_hundred_links_are_made_changed_and_removed_in_three_requests(client: Client) -> None:
    links = await made(client, 100)
    assert [link["title"] for link in links] == [f"Link {each}" for each in range(100)]
    body = {"links": [{"id": link["id"], "active": False} for link in links]}
    answer = await client.patch(BULK, body)
    assert {each["link"]["status"] for each in answer.json["results"]} == {"inactive"}
    answer = await client.delete(BULK + "?ids=" + ",".join(link["id"] for link in links))
    assert [each["link"]["id"] for each in answer.json["results"]] == [link["id"] for link in links]
    assert await total(client) == 0


async def test_all_or_none_by_default_and_every_item_that_is_wrong_is_named(client: Client) -> None:
    slug = f"s-{new_id()}"
    (link,) = await made(client, 1)
    body = {
        "links": [
            {"destinationUrl": THERE, "customSlug": slug},
            {"destinationUrl": THERE, "customSlug": link["shortCode"]},
            {"destinationUrl": "ftp://example.com", "title": "x" * 256},
        ]
    }
    answer = await client.post(BULK, body)
    assert (answer.status, answer.json["error"]) == (400, "ValidationError")
    assert [each["field"] for each in answer.json["details"]] == [
        "links[1].customSlug",
        "links[2].destinationUrl",
        "links[2].title",
    ]
    assert await total(client) == 1
    answer = await client.post(BULK, {"links": body["links"][:2]})
    assert (answer.status, answer.json["error"]) == (409, "Conflict")
    assert await total(client) == 1


async def test_each_for_itself_tells_what_has_become_of_each(client: Client) -> None:
    (link,) = await made(client, 1)
    body = {
        "links": [
            {"destinationUrl": THERE},
            {"destinationUrl": THERE, "customSlug": link["shortCode"]},
            {"destinationUrl": THERE, "customSlug": "api"},
        ],
        "atomic": False,
    }
    answer = await client.post(BULK, body)
    assert answer.status == 200
    results = answer.json["results"]
    assert [each["result"] for each in results] == ["created", "refused", "refused"]
    assert [each["error"] and (each["error"]["statusCode"], each["error"]["error"]) for each in results] == [
        None,
        (409, "Conflict"),
        (422, "UnprocessableEntity"),
    ]
    assert results[1]["error"]["details"][0]["field"] == "customSlug"
    assert await total(client) == 2


async def test_links_of_others_are_not_there(client: Client, new_client: NewClient) -> None:
    mine, theirs = await made(client, 1), await made(await new_client(), 1)
    ids = f"{mine[0]['id']},{theirs[0]['id']}"
    answer = await client.delete(f"{BULK}?ids={ids}")
    assert (answer.status, answer.json["details"][0]["field"]) == (404, "ids[1]")
    edits = [{"id": link["id"], "title": "Mine"} for link in mine + theirs]
    answer = await client.patch(BULK, {"links": edits})
    assert (answer.status, answer.json["details"][0]["field"]) == (404, "links[1]")
    answer = await client.delete(f"{BULK}?ids={ids}&atomic=false")
    assert [each["result"] for each in answer.json["results"]] == ["deleted", "refused"]
    assert await total(client) == 0


@pytest.mark.parametrize(
    ("method", "query", "body", "field"),
    [
        ("POST", "", {"links": []}, "links"),
        ("POST", "", {"links": [{"destinationUrl": THERE}] * 101}, "links"),
        ("POST", "", {"links": [{}]}, "links[0].destinationUrl"),
        ("PATCH", "", {"links": [{"title": "No id"}]}, "links[0].id"),
        ("PATCH", "", {"links": [{"id": "lnk_short"}]}, "links[0].id"),
        ("DELETE", "", None, "ids"),
        ("DELETE", "?ids=", None, "ids"),
        ("DELETE", "?ids=lnk_short", None, "ids"),
        ("DELETE", "?ids=" + ",".join(["lnk_" + "0" * 22] * 101), None, "ids"),
        ("DELETE", "?ids=" + ",".join(["lnk_" + "0" * 22] * 2), None, "ids"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_field(
    client: Client, method: str, query: str, body: object, field: str
) -> None:
    answer = await client.send(method, BULK + query, body)
    assert answer.status == 400, answer.body
    assert answer.json["details"][0]["field"] == field
