"""Files of links come in by the API."""

import pytest

from tests.client import Answer, Client, NewClient

YOURLS = "keyword,url,title,timestamp,ip,clicks\nyourls-1,http://ozh.org/,ozh,2010-01-01 12:00:00,127.0.0.1,1024\n"


async def send(client: Client, text: str, query: str = "", **headers: str) -> Answer:
    return await client.send("POST", f"/api/use/links/import{query}", data=text.encode(), headers=headers)


async def test_a_file_of_another_system_becomes_links(client: Client) -> None:
    answer = await send(client, YOURLS)
    assert answer.status == 200
    expected = {"format": "yourls", "dryRun": False, "created": 1, "skipped": 0, "failed": 0, "errors": []}
    assert answer.json == expected
    (link,) = (await client.get("/api/use/links?search=ozh.org")).json["data"]
    assert (link["shortCode"], link["title"]) == ("yourls-1", "ozh")
    assert link["metadata"] == {"imported": {"from": "yourls", "createdAt": "2010-01-01T12:00:00Z", "clicks": 1024}}
    assert (await send(client, YOURLS)).json["errors"] == [
        {"line": 2, "message": "The short code 'yourls-1' is taken", "field": "customSlug"}
    ]
    assert (await send(client, YOURLS, "?onConflict=skip")).json["skipped"] == 1
    assert (await send(client, YOURLS, "?onConflict=rename&dryRun=true")).json["created"] == 1
    assert (await client.get("/api/use/links")).json["total"] == 1


async def test_every_bad_line_is_told_in_the_order_of_the_file(client: Client) -> None:
    answer = await send(client, "url,slug\njavascript:alert(1),\nhttps://a.test/,\n,b\nhttps://c.test/,a b\n")
    assert (answer.json["created"], answer.json["failed"]) == (1, 3)
    assert [(each["line"], each["field"]) for each in answer.json["errors"]] == [
        (2, "destinationUrl"),
        (4, None),
        (5, "customSlug"),
    ]


async def test_what_is_no_file_of_links_or_too_long_a_one_changes_nothing(client: Client) -> None:
    for text, why in (
        ("", "empty"),
        ("a,b\n1,2\n", "No column is a destination"),
        ("url\n" + "https://a.test/\n" * 501, "at most 500 links"),
    ):
        answer = await send(client, text)
        assert (answer.status, answer.json["error"]) == (400, "ValidationError")
        assert why in answer.json["message"]
    assert (await client.get("/api/use/links")).json["total"] == 0


async def test_a_file_that_is_sent_again_under_its_key_is_taken_in_once(client: Client) -> None:
    text = "url\n" + "".join(f"https://a.test/{n}\n" for n in range(50))
    first = await send(client, text, **{"Idempotency-Key": "my-import"})
    again = await send(client, text, **{"Idempotency-Key": "my-import"})
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await client.get("/api/use/links")).json["total"] == 50


async def test_what_is_there_already_is_skipped_by_its_short_code_or_by_its_external_id(client: Client) -> None:
    for made in ({"customSlug": "there", "externalId": "crm-1"}, {"externalId": "crm-2"}):
        assert (await client.post("/api/use/links", {"destinationUrl": "https://a.test/"} | made)).status == 201
    text = "url,slug,externalId\nhttps://b.test/,there,crm-1\nhttps://b.test/,other,crm-2\nhttps://b.test/,new,crm-3\n"
    for query, expected in (
        ("?dryRun=true&onConflict=skip", (1, 2, [])),
        ("?dryRun=true&onConflict=rename", (1, 0, ["externalId", "externalId"])),
        ("?dryRun=true", (1, 0, ["externalId", "externalId"])),
        ("?onConflict=skip", (1, 2, [])),
        ("?onConflict=skip", (0, 3, [])),
    ):
        told = (await send(client, text, query)).json
        assert (told["created"], told["skipped"], [each["field"] for each in told["errors"]]) == expected


@pytest.mark.parametrize("name", ["csv", "jsonl"])
async def test_what_is_exported_here_comes_back_with_everything(new_client: NewClient, name: str) -> None:
    here, there = await new_client(), await new_client(mode="test")
    made = {
        "destinationUrl": "https://example.com/a?b=1,2",
        "title": "=not a formula",
        "description": 'Two\nlines, "quoted"',
        "tags": ["a,b", "c", "-d"],
        "metadata": {"team": {"id": 7}},
        "expiresAt": "2031-01-01T00:00:00.000Z",
        "expiredUrl": "https://example.com/over",
        "maxClicks": 100,
        "active": False,
        "archived": True,
        "externalId": "crm-1",
        "thumbnail": "https://example.com/a.png",
        "position": 7,
        "showOnProfile": False,
        "forwardQuery": True,
    }
    assert (await here.post("/api/use/links", made)).status == 201
    assert (await here.post("/api/use/links", {"destinationUrl": "https://example.com/bare"})).status == 201
    exported = (await here.get(f"/api/use/links/export?format={name}")).body.decode()
    answer = await send(there, exported, "?onConflict=rename")
    assert (answer.json["format"], answer.json["created"], answer.json["errors"]) == ("waypost", 2, [])
    listed = (await there.get("/api/use/links?archived=all&sortOrder=asc")).json["data"]
    full, bare = sorted(listed, key=lambda link: link["title"] is None)
    assert full["metadata"].pop("imported")["from"] == "waypost"
    assert {field: full[field] for field in made} == made
    assert (bare["title"], bare["tags"], bare["active"], bare["maxClicks"]) == (None, [], True, None)
