"""Whatever is sent, the answer is a documented error with field and reason, and nothing is half done."""

import random
import string
from collections.abc import AsyncIterator

import pytest

from tests.client import Client, NewClient

LINK = {"title": "A link", "url": "https://example.com"}

BODIES: list[tuple[bytes, str]] = [
    (b"", "body"),
    (b"{", "body"),
    (b"[]", "body"),
    (b"null", "body"),
    (b'"text"', "body"),
    (b"\xff\xfe", "body"),
    (b"[" * 100_000, "body"),
    (b'{"a":' * 20_000, "a"),
    (b'{"title":"x"}', "url"),
    (b'{"url":"https://example.com"}', "title"),
    (b'{"title":1,"url":"https://example.com"}', "title"),
    (b'{"title":null,"url":"https://example.com"}', "title"),
    (b'{"title":"x","url":["https://example.com"]}', "url"),
    (b'{"title":"x","url":"https://example.com","isActive":"yes"}', "isActive"),
    (b'{"title":"x","url":"https://example.com","is_active":true}', "is_active"),
    (b'{"title":"x","url":"https://example.com","clicks":5}', "clicks"),
    (b'{"title":"x","url":"https://example.com","order":1e999}', "order"),
    (b'{"title":"x","url":"https://example.com","order":99999999999999999999}', "order"),
    (b'{"title":"x","url":"https://example.com","order":-1}', "order"),
    (b'{"title":"x","url":"https://example.com","shortCode":"a"}', "shortCode"),
    (b'{"title":"x","url":"https://example.com","shortCode":"has space"}', "shortCode"),
    (b'{"title":"x","url":"https://example.com","shortCode":"../../etc"}', "shortCode"),
    (b'{"title":"x","url":"https://example.com","shortCode":"v1"}', "shortCode"),
    (b'{"title":"x","url":"https://example.com","shortCode":"livez"}', "shortCode"),
    (b'{"title":"","url":"https://example.com"}', "title"),
    (b'{"title":"a\\u0000b","url":"https://example.com"}', "title"),
    (b'{"title":"x","url":"https://example.com","description":"a\\u0000b"}', "description"),
    (b'{"title":"x","url":"https://example.com","thumbnail":"javascript:alert(1)"}', "thumbnail"),
    (b'{"title":"x","url":"javascript:alert(1)"}', "url"),
    (b'{"title":"x","url":"data:text/html,hi"}', "url"),
    (b'{"title":"x","url":"//example.com"}', "url"),
    (b'{"title":"x","url":"https://user:pass@example.com"}', "url"),
    (b'{"title":"x","url":"https://example.com\\r\\nSet-Cookie: a=b"}', "url"),
    (b'{"title":"x","url":"https:\\\\\\\\example.com"}', "url"),
    (b'{"title":"x","url":""}', "url"),
    (b'{"title":"x","url":"https://"}', "url"),
    (b'{"title":"x","url":"https://example.com:99999"}', "url"),
]


@pytest.mark.parametrize(("body", "field"), BODIES, ids=lambda value: repr(value)[:60])
async def test_a_body_that_cannot_be_is_refused_with_the_field(client: Client, body: bytes, field: str) -> None:
    answer = await client.post("/v1/links", data=body)
    assert answer.status == 400, answer.body
    assert answer.code == "VALIDATION_ERROR"
    (detail,) = answer.json["error"]["details"]
    assert detail["field"] == field
    assert detail["reason"]
    assert (await client.get("/v1/links")).json["total"] == 0


@pytest.mark.parametrize(
    ("field", "most", "clearable"),
    [("title", 255, False), ("description", 500, True), ("shortCode", 50, False), ("url", 2048, False)],
)
async def test_a_value_may_be_as_long_as_promised_and_no_longer(
    client: Client, field: str, most: int, clearable: bool
) -> None:
    letters = "".join(random.choices(string.ascii_letters, k=most))
    longest = f"https://example.com/{letters}"[:most] if field == "url" else letters
    assert (await client.post("/v1/links", LINK | {field: longest})).status == 201
    answer = await client.post("/v1/links", LINK | {field: longest + "x"})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert answer.json["error"]["details"][0]["field"] == field


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=5&limit=6",
        "offset=-1",
        "offset=99999999999",
        "active=maybe",
        "page=1",
        "limit=%ff",
        "=1",
    ],
)
async def test_a_query_that_cannot_be_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/v1/links?{query}")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), answer.body
    assert answer.json["error"]["details"]


@pytest.mark.parametrize("query", ["period=8d", "metric=likes", "period=30D", "from=2026-01-01"])
async def test_an_unknown_period_or_metric_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/v1/analytics?{query}")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), answer.body


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_over_256_kib_is_refused(client: Client, chunked: bool) -> None:
    body = b'{"title":"' + b"x" * 270_000 + b'","url":"https://example.com"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    answer = await client.post("/v1/links", data=pieces() if chunked else body)
    assert (answer.status, answer.code) == (413, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "public_id",
    [
        "lnk_",
        "lnk_short",
        "usr_0000000000000000000000",
        "0000000000000000000000",
        "lnk_" + "é" * 22,
        "%00",
        "lnk_" + "0" * 500,
    ],
)
async def test_an_id_of_the_wrong_kind_does_not_exist(client: Client, public_id: str) -> None:
    for method, body in (("GET", None), ("PATCH", {"title": "x"}), ("DELETE", None)):
        answer = await client.send(method, f"/v1/links/{public_id}", body)
        assert (answer.status, answer.code) == (404, "NOT_FOUND"), answer.body


async def test_unknown_names_are_not_found(client: Client) -> None:
    for answer in (
        await client.put("/v1/following/nobody-of-this-name"),
        await client.post("/v1/templates/no-such-template/apply"),
        await client.get("/v1/nowhere"),
        await client.get("/v1"),
        await client.get("/v1/links/"),
    ):
        assert (answer.status, answer.code) == (404, "NOT_FOUND"), answer.body


async def test_a_wrong_method_is_told_the_right_ones(client: Client) -> None:
    answer = await client.delete("/v1/profile")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, PATCH"
    assert answer.code == "NOT_FOUND"


async def test_a_short_code_that_is_taken_is_a_validation_error(client: Client, new_client: NewClient) -> None:
    code = (await client.new_link())["shortCode"]
    answer = await (await new_client()).post("/v1/links", LINK | {"shortCode": code})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert answer.json["error"]["details"][0]["field"] == "shortCode"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"bio": "x" * 501}, "bio"),
        ({"avatar": "javascript:alert(1)"}, "avatar"),
        ({"banner": "not a url"}, "banner"),
        ({"website": "ftp://example.com"}, "website"),
        ({"theme": "no-such-theme"}, "theme"),
        ({"username": "other"}, "username"),
        ({"pronouns": "x" * 41}, "pronouns"),
        ({"location": "a\u0000b"}, "location"),
    ],
)
async def test_a_profile_that_cannot_be_is_refused_with_the_field(
    client: Client, changes: dict[str, object], field: str
) -> None:
    before = await client.get("/v1/profile")
    answer = await client.patch("/v1/profile", changes)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), answer.body
    assert answer.json["error"]["details"][0]["field"] == field
    assert (await client.get("/v1/profile")).json == before.json


async def test_one_wrong_field_leaves_the_right_ones_undone(client: Client) -> None:
    link = await client.new_link()
    answer = await client.patch(f"/v1/links/{link['id']}", {"title": "Changed", "url": "javascript:alert(1)"})
    assert answer.status == 400
    assert (await client.get(f"/v1/links/{link['id']}")).json == link


async def test_oneself_cannot_be_followed(client: Client) -> None:
    answer = await client.put(f"/v1/following/{client.account.user.username}")
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
