"""Links as files: whole, in one order, and exact."""

import csv
import io
import signal
from typing import Any

import aiohttp
import msgspec
import pytest

from shared.contracts.modes import Mode
from tests.client import Answer, Client, NewClient
from tests.world import World

THERE = "https://example.com/there"
EXPORT = "/api/use/links/export"


async def made(client: Client, number: int, **fields: object) -> list[str]:
    """The ids of so many new links, oldest first."""
    ids: list[str] = []
    for start in range(0, number, 100):
        links = [
            {"destinationUrl": THERE, "title": f"Link {start + each}"} | fields
            for each in range(min(100, number - start))
        ]
        answer = await client.post("/api/use/links/bulk", {"links": links})
        assert answer.status == 200, answer.body
        ids += [each["link"]["id"] for each in answer.json["results"]]
    return ids


def lines(answer: Answer) -> list[Any]:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/jsonl")
    return [msgspec.json.decode(line) for line in answer.body.splitlines()]


def table(answer: Answer) -> list[dict[str, str]]:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


async def test_both_files_hold_every_link_once(client: Client) -> None:
    ids = await made(client, 250)
    as_lines, as_table = lines(await client.get(EXPORT + "?format=jsonl")), table(await client.get(EXPORT))
    assert sorted(link["id"] for link in as_lines) == sorted(ids)
    assert [row["id"] for row in as_table] == [link["id"] for link in as_lines]
    assert as_lines[0] == (await client.get(f"/api/use/links/{as_lines[0]['id']}")).json


async def test_a_file_may_hold_nothing(client: Client) -> None:
    assert lines(await client.get(EXPORT + "?format=jsonl")) == []
    answer = await client.get(EXPORT)
    assert table(answer) == []
    assert answer.body.startswith(b"id,shortUrl,shortCode,domain,destinationUrl,title,")


async def test_texts_come_through_a_table_and_no_text_becomes_a_formula(client: Client) -> None:
    link = {
        "destinationUrl": THERE,
        "title": '=HYPERLINK("https://example.com")',
        "description": 'Quotes ", commas,\\nlines and ä',
        "tags": ["a", "b c"],
        "metadata": {"a": [1, None]},
        "maxClicks": 5,
    }
    assert (await client.post("/api/use/links", link)).status == 201
    (row,) = table(await client.get(EXPORT))
    assert row["title"] == "'" + str(link["title"])
    assert row["description"] == link["description"]
    assert (row["tags"], row["metadata"], row["maxClicks"]) == ("a,b c", '{"a":[1,null]}', "5")
    assert (row["expiresAt"], row["active"], row["hasPassword"]) == ("", "true", "false")


async def test_a_page_of_the_largest_links_comes_through(client: Client) -> None:
    largest = {
        "description": "ä" * 500,
        "title": "ä" * 255,
        "metadata": {"filler": "y" * 8_150},
        "tags": [f"{n:02}" + "ä" * 48 for n in range(50)],
    }
    for _ in range(10):
        await made(client, 10, **largest)
    assert len(lines(await client.get(EXPORT + "?format=jsonl"))) == 100
    assert len((await client.get("/api/use/links?limit=100")).json["data"]) == 100


async def test_filters_choose_what_is_in_it(client: Client) -> None:
    await made(client, 1, tags=["a"])
    await made(client, 1, archived=True)
    await made(client, 1, active=False)
    for query, number in (
        ("", 3),
        ("&tag=a", 1),
        ("&archived=true", 1),
        ("&archived=false", 2),
        ("&status=inactive", 1),
    ):
        assert len(lines(await client.get(f"{EXPORT}?format=jsonl{query}"))) == number


async def test_a_test_key_exports_test_links(client: Client, new_client: NewClient) -> None:
    await made(client, 2)
    tester = await new_client(client.account, mode=Mode.TEST)
    await made(tester, 1)
    assert [link["mode"] for link in lines(await tester.get(EXPORT + "?format=jsonl"))] == ["test"]


@pytest.mark.parametrize(("query", "field"), [("format=xml", "format"), ("search=", "search"), ("page=2", "page")])
async def test_what_cannot_be_is_refused_before_the_file_begins(client: Client, query: str, field: str) -> None:
    answer = await client.get(f"{EXPORT}?{query}")
    assert (answer.status, answer.json["details"][0]["field"]) == (400, field)


async def test_a_file_that_cannot_be_finished_ends_in_a_broken_connection(
    world: World, client: Client, session: aiohttp.ClientSession
) -> None:
    # More than the buffers between here and there can take, so that some of it is still to be fetched.
    for _ in range(30):
        await made(client, 30, metadata={"filler": "y" * 7_500})
    headers = {"Authorization": f"Bearer {client.key}"}
    gateway = await world.start_gateway("gateway-breaking")
    async with session.get(gateway.url + EXPORT + "?format=jsonl", headers=headers) as answer:
        assert answer.status == 200
        await answer.content.readany()
        world.services["links"].signal(signal.SIGSTOP)
        try:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        finally:
            world.services["links"].signal(signal.SIGCONT)
    await gateway.process.stop()
