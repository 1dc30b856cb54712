"""QR codes, as a customer makes them, looks at them and puts them away."""

import pytest

from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests import scanner
from tests.client import Client, NewClient, until
from tests.dialects.use.qr import DARK, QR, faulty, image, new_code, new_link


async def test_a_code_is_made_of_a_link_and_little_else(client: Client) -> None:
    link = await new_link(client)
    code = await new_code(client, link)
    token = code["url"].removeprefix(f"{link['shortUrl']}?qr=")
    assert len(token) == 6
    assert token.isalnum()
    assert code == {
        "id": code["id"],
        "linkId": link["id"],
        "title": None,
        "url": f"{link['shortUrl']}?qr={token}",
        "scans": 0,
        "foreground": "#000000",
        "background": "#FFFFFF",
        "errorCorrection": "M",
        "margin": 4,
        "imageUrl": f"{client.url}{QR}/{code['id']}/image",
        "mode": "live",
        "createdAt": code["createdAt"],
        "updatedAt": code["updatedAt"],
    }
    assert (await client.get(f"{QR}/{code['id']}")).json == code


async def test_every_code_of_a_link_has_a_token_of_its_own(client: Client) -> None:
    link = await new_link(client)
    assert len({(await new_code(client, link))["url"] for _ in range(5)}) == 5


async def test_codes_are_listed_newest_first_and_by_link(client: Client) -> None:
    first, second = await new_link(client), await new_link(client)
    codes = [await new_code(client, link) for link in (first, second, *[first] * 10)]
    page = (await client.get(f"{QR}?limit=10")).json
    assert {name: page[name] for name in ("total", "page", "perPage", "hasMore")} == {
        "total": 12,
        "page": 1,
        "perPage": 10,
        "hasMore": True,
    }
    assert page["data"] == codes[:1:-1]
    assert (await client.get(f"{QR}?limit=10&page=2")).json["data"] == codes[1::-1]
    assert (await client.get(f"{QR}?linkId={second['id']}")).json["data"] == [codes[1]]
    of_first = (await client.get(f"{QR}?limit=10&linkId={first['id']}")).json
    assert (of_first["total"], of_first["hasMore"], len(of_first["data"])) == (11, True, 10)
    nobodys = (await client.get(f"{QR}?linkId=lnk_{new_id()}")).json
    assert (nobodys["total"], nobodys["data"]) == (0, [])


async def test_what_is_given_is_changed_and_the_encoded_address_stays(client: Client) -> None:
    code = await new_code(client, title="Poster")
    look = {"foreground": DARK.lower(), "background": "transparent", "errorCorrection": "H", "margin": 0}
    changed = await client.patch(f"{QR}/{code['id']}", look)
    assert changed.status == 200
    assert changed.json == code | look | {"foreground": DARK, "updatedAt": changed.json["updatedAt"]}
    assert changed.json["updatedAt"] > code["updatedAt"]
    untitled = await client.patch(f"{QR}/{code['id']}", {"title": None})
    assert (untitled.json["title"], untitled.json["foreground"]) == (None, DARK)


async def test_a_deleted_code_is_gone(client: Client) -> None:
    code = await new_code(client)
    deleted = await client.delete(f"{QR}/{code['id']}")
    assert (deleted.status, deleted.body) == (204, b"")
    for answer in (
        await client.get(f"{QR}/{code['id']}"),
        await client.patch(f"{QR}/{code['id']}", {"title": "Still there?"}),
        await client.delete(f"{QR}/{code['id']}"),
        await image(client, code),
    ):
        assert faulty(answer) == (404, "NotFound", [])


async def test_codes_go_with_their_link_alone_or_with_others(client: Client) -> None:
    links = [await new_link(client) for _ in range(3)]
    for link in links:
        await new_code(client, link)
        await new_code(client, link)
    assert (await client.delete(f"/api/use/links/{links[0]['id']}")).status == 204
    assert (await client.get(QR)).json["total"] == 4
    assert (await client.delete(f"/api/use/links/bulk?ids={links[1]['id']},{links[2]['id']}")).status == 200
    assert (await client.get(QR)).json["total"] == 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"foreground": "black"}, ["foreground"]),
        ({"foreground": "#12345"}, ["foreground"]),
        ({"foreground": "#1234567"}, ["foreground"]),
        ({"foreground": "#00000٣"}, ["foreground"]),
        ({"foreground": "transparent"}, ["foreground"]),
        ({"background": "none"}, ["background"]),
        ({"foreground": "red", "background": "white"}, ["foreground", "background"]),
        ({"errorCorrection": "X"}, ["errorCorrection"]),
        ({"margin": -1}, ["margin"]),
        ({"margin": 17}, ["margin"]),
        ({"margin": "4"}, ["margin"]),
        ({"title": "x" * 256}, ["title"]),
        ({"title": "two\nlines"}, ["title"]),
        ({"logo": "https://example.com/logo.png"}, ["logo"]),
    ],
)
async def test_what_is_ill_formed_is_refused_by_name(
    client: Client, body: dict[str, object], fields: list[str]
) -> None:
    link = await new_link(client)
    code = await new_code(client, link)
    assert faulty(await client.post(QR, {"linkId": link["id"], **body})) == (400, "ValidationError", fields)
    assert faulty(await client.patch(f"{QR}/{code['id']}", body)) == (400, "ValidationError", fields)
    assert (await client.get(f"{QR}/{code['id']}")).json == code


@pytest.mark.parametrize("link_id", ["lnk_1", "", 7, None])
async def test_a_code_is_for_an_id_of_a_link(client: Client, link_id: object) -> None:
    assert faulty(await client.post(QR, {"linkId": link_id})) == (400, "ValidationError", ["linkId"])
    assert faulty(await client.post(QR, {})) == (400, "ValidationError", ["linkId"])


@pytest.mark.parametrize(
    "look",
    [
        {"foreground": "#FFFFFF"},
        {"foreground": "#FFFF00"},  # yellow on white
        {"foreground": "#00FF00"},
        {"foreground": "#000000", "background": "#222222"},
        {"foreground": "#FFFFFF", "background": "#000000"},  # light on dark
        {"foreground": "#AAAAAA", "background": "transparent"},
    ],
)
async def test_colours_that_scanners_cannot_tell_apart_are_refused(client: Client, look: dict[str, str]) -> None:
    link = await new_link(client)
    code = await new_code(client, link)
    assert faulty(await client.post(QR, {"linkId": link["id"], **look})) == (
        422,
        "UnprocessableEntity",
        ["foreground"],
    )
    assert (await client.patch(f"{QR}/{code['id']}", look)).status == 422
    # Together with what was there before.
    assert (await client.patch(f"{QR}/{code['id']}", {"background": "#111111"})).status == 422
    assert (await client.get(f"{QR}/{code['id']}")).json == code


async def test_a_code_for_a_foreign_link_is_refused_like_one_for_no_link(client: Client, new_client: NewClient) -> None:
    theirs = await new_link(client)
    absent = await client.post(QR, {"linkId": f"lnk_{new_id()}"})
    assert faulty(absent) == (422, "UnprocessableEntity", ["linkId"])
    for stranger in (await new_client(), await new_client(client.account, mode=Mode.TEST)):
        foreign = await stranger.post(QR, {"linkId": theirs["id"]})
        assert (faulty(foreign), foreign.json["message"]) == (faulty(absent), absent.json["message"])


async def test_a_link_has_fifty_codes_at_most(client: Client) -> None:
    link = await new_link(client)
    codes = [await new_code(client, link) for _ in range(50)]
    assert faulty(await client.post(QR, {"linkId": link["id"]})) == (422, "UnprocessableEntity", ["linkId"])
    await client.delete(f"{QR}/{codes[0]['id']}")
    await new_code(client, link)


async def test_each_permission_opens_what_it_names(client: Client, visitor: Client, new_client: NewClient) -> None:
    link = await new_link(client)
    code = await new_code(client, link)
    path = f"{QR}/{code['id']}"
    requests: list[tuple[str, str, str, object]] = [
        ("qr:read", "GET", QR, None),
        ("qr:read", "GET", path, None),
        ("qr:read", "GET", f"{path}/image", None),
        ("qr:write", "POST", QR, {"linkId": link["id"]}),
        ("qr:write", "PATCH", path, {"title": "Poster"}),
        ("qr:delete", "DELETE", path, None),
    ]
    keys = {scope: await new_client(client.account, scopes=(scope,)) for scope in ("qr:read", "qr:write", "qr:delete")}
    for needed, method, target, body in requests:
        assert (await visitor.send(method, target, body)).status == 401
        for scope, key in keys.items():
            if scope != needed:
                assert faulty(await key.send(method, target, body)) == (403, "Forbidden", [])
    opened = [(await keys[needed].send(method, target, body)).status for needed, method, target, body in requests]
    assert opened == [200, 200, 200, 201, 200, 204]


async def test_a_code_follows_its_link_to_another_short_code(client: Client) -> None:
    link = await new_link(client)
    code = await new_code(client, link)
    slug = f"s{new_id()}"
    await client.patch(f"/api/use/links/{link['id']}", {"customSlug": slug})
    moved = (await client.get(f"{QR}/{code['id']}")).json
    assert moved["url"] == code["url"].replace(link["shortCode"], slug)
    assert scanner.read(scanner.develop((await image(client, moved)).body)) == moved["url"]


async def test_what_a_code_says_leads_where_its_link_leads(client: Client, visitor: Client) -> None:
    code = await new_code(client)
    picture = scanner.develop((await image(client, code, "?format=png")).body)
    path = scanner.read(picture).removeprefix(client.url)
    followed, _ = await until(lambda: visitor.get(path), lambda answer: answer.status == 302)
    assert followed.headers["Location"] == "https://example.com/landing-page"
