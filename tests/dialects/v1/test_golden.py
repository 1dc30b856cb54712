"""Every documented answer of /v1, whole, as it comes over the wire."""

from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests import golden
from tests.client import Answer, Client

check = partial(golden.check, Path(__file__).parent / "golden")


async def test_the_profile_is_answered_as_documented(client: Client) -> None:
    check("profile", await client.get("/v1/profile"), user=client.account.user.username)


async def test_a_changed_profile_is_answered_as_documented(client: Client) -> None:
    changes = {
        "name": "John Doe",
        "bio": "Developer & Creator",
        "avatar": "https://example.com/a.png",
        "banner": "https://example.com/b.png",
        "location": "Manila",
        "website": "https://example.com",
        "pronouns": "they/them",
    }
    check("profile_changed", await client.patch("/v1/profile", changes), user=client.account.user.username)


async def test_a_new_link_is_answered_as_documented(client: Client) -> None:
    answer = await client.post(
        "/v1/links",
        {
            "title": "New Link",
            "url": "https://example.com",
            "description": "Optional description",
            "thumbnail": "https://example.com/t.png",
            "isActive": True,
        },
    )
    check("link_created", answer, code=answer.json["shortCode"])


async def test_the_list_of_links_is_answered_as_documented(client: Client) -> None:
    link = await client.new_link("https://example.com", title="My Website")
    check("links", await client.get("/v1/links"), code=link["shortCode"])


async def test_a_changed_link_is_answered_as_documented(client: Client) -> None:
    link = await client.new_link()
    changes = {"title": "Another", "url": "https://example.org/x?y=1", "isActive": False}
    check("link_changed", await client.patch(f"/v1/links/{link['id']}", changes), code=link["shortCode"])


async def test_a_deleted_link_is_answered_with_nothing(client: Client) -> None:
    link = await client.new_link()
    answer = await client.delete(f"/v1/links/{link['id']}")
    assert (answer.status, answer.body) == (204, b"")


async def test_the_templates_are_answered_as_documented(client: Client) -> None:
    answer = await client.get("/v1/templates")
    first = Answer(answer.status, answer.headers, msgspec.json.encode(answer.json["templates"][:1]))
    assert answer.json["total"] == len(answer.json["templates"])
    check("template", first)


@pytest.mark.parametrize("metric", ["all", "views", "clicks"])
async def test_analytics_are_answered_as_documented(client: Client, metric: str) -> None:
    check(f"analytics_{metric}", await client.get(f"/v1/analytics?period=7d&metric={metric}"))


async def test_errors_are_answered_as_documented(client: Client, visitor: Client) -> None:
    check("error_unauthorized", await visitor.get("/v1/profile"))
    check("error_not_found", await client.get("/v1/links/lnk_0000000000000000000000"))
    check("error_validation", await client.post("/v1/links", {"title": "x", "url": "ftp://example.com"}))
    check("error_unknown_path", await client.get("/v1/nowhere"))
    check("error_method", await client.put("/v1/links"))
