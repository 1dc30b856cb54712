"""Pictures of QR codes, read by a scanner."""

import hashlib
from typing import Any

import pytest

from tests import scanner
from tests.client import Client
from tests.dialects.use.qr import DARK, LIGHT, QR, image, new_code


@pytest.mark.parametrize("format_", ["svg", "png"])
@pytest.mark.parametrize(
    "look",
    [
        {},
        {"foreground": DARK, "background": LIGHT},
        {"foreground": "#FF0000", "errorCorrection": "L"},
        {"foreground": "#949494", "errorCorrection": "Q", "margin": 2},  # as pale as can be
        {"foreground": "#0000FF", "background": "transparent", "margin": 0},
        {"foreground": "#006400", "background": "#CCFFCC", "errorCorrection": "H", "margin": 16},
    ],
)
@pytest.mark.parametrize("size", [128, 512, 1023])
async def test_a_picture_says_what_the_code_says(client: Client, look: dict[str, Any], format_: str, size: int) -> None:
    code = await new_code(client, **look)
    answer = await image(client, code, f"?format={format_}&size={size}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == {"svg": "image/svg+xml", "png": "image/png"}[format_]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    picture = scanner.develop(answer.body)
    assert (picture.width, picture.height) == (size, size)
    # It lies on a table, and a camera sees some of that.
    assert scanner.read(scanner.on_a_table(picture)) == code["url"]


async def test_a_picture_is_svg_of_512_pixels_unless_something_else_is_asked_for(client: Client) -> None:
    code = await new_code(client)
    plain = await image(client, code)
    assert plain.headers["Content-Type"] == "image/svg+xml"
    assert plain.body == (await image(client, code, "?format=svg&size=512")).body


async def test_a_transparent_picture_lets_the_paper_through(client: Client) -> None:
    code = await new_code(client, foreground=DARK, background="transparent")
    for format_ in ("svg", "png"):
        picture = scanner.develop((await image(client, code, f"?format={format_}")).body, paper=(255, 240, 0))
        assert picture.pixels[:3] == bytes((0, 240, 255))
        assert scanner.read(picture) == code["url"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?format=gif", 400),
        ("?size=15", 400),
        ("?size=4097", 400),
        ("?size=9999999999999999999999", 400),
        ("?size=big", 400),
        ("?size=1.5", 400),
        ("?colour=red", 400),
        ("?size=16", 422),  # less than a pixel for each module
    ],
)
async def test_a_picture_that_cannot_be_is_refused_by_name(client: Client, query: str, status: int) -> None:
    answer = await image(client, await new_code(client), query)
    assert (answer.status, [each["field"] for each in answer.json["details"]]) == (status, [query[1:].split("=")[0]])


async def test_the_smallest_and_the_largest_picture_can_be_read(client: Client) -> None:
    code = await new_code(client)
    refused = (await image(client, code, "?format=png&size=16")).json["message"]
    smallest = int("".join(filter(str.isdigit, refused)))
    for size in (smallest, 4096):
        answer = await image(client, code, f"?format=png&size={size}")
        assert answer.status == 200
    assert len(answer.body) < 100_000
    assert scanner.read(scanner.develop(answer.body)) == code["url"]


async def test_a_picture_is_sent_again_only_when_it_has_changed(client: Client) -> None:
    code = await new_code(client)
    first = await image(client, code)
    tag = first.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(f"{QR}/{code['id']}/image", headers={"If-None-Match": known})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in again.headers
        assert "X-RateLimit-Remaining" in again.headers
    others = [await image(client, code, query) for query in ("?format=png", "?size=600")]
    await client.patch(f"{QR}/{code['id']}", {"title": "No part of the picture"})
    assert (await client.get(f"{QR}/{code['id']}/image", headers={"If-None-Match": tag})).status == 304
    await client.patch(f"{QR}/{code['id']}", {"margin": 2})
    others.append(await client.get(f"{QR}/{code['id']}/image", headers={"If-None-Match": tag}))
    assert [each.status for each in others] == [200, 200, 200]
    assert len({first.headers["ETag"], *(each.headers["ETag"] for each in others)}) == 4
    assert len({hashlib.sha256(each.body).digest() for each in (first, *others)}) == 4


async def test_the_head_of_a_picture_is_told_alone(client: Client) -> None:
    code = await new_code(client)
    whole, head = await image(client, code), await client.send("HEAD", f"{QR}/{code['id']}/image")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert head.headers[name] == whole.headers[name]
