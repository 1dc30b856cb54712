"""What links may hold, at the very edge of it, by every way in."""

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest

from services.links import fields, slugs
from shared.contracts.bulk import Atomicity, OnConflict, Result
from shared.contracts.link_fields import LinkEdit, NewLink
from shared.contracts.links import (
    CreateLink,
    CreateLinks,
    ExportLinks,
    ImportLinks,
    Link,
    Outcomes,
    UpdateLink,
    UpdateLinks,
    UpsertLink,
)
from shared.destinations import is_safe_location
from shared.faults import Code, Fault
from shared.reserved import is_reserved
from tests.services.links.conftest import Desk

SAFE = "https://example.com/safe"
URLS = json.loads((Path(__file__).parents[2] / "shared" / "urls.json").read_text())
# Half a surrogate pair is no text, so no question can hold one.
HOSTILE = [
    url
    for url in dict.fromkeys(URLS["schemes"] + URLS["shapes"] + URLS["characters"] + URLS["hosts"])
    if not any("\ud800" <= sign <= "\udfff" for sign in url)
]


def hostile_urls(chance: random.Random, count: int) -> list[str]:
    """The known ones, and as many again of their pieces put together by chance."""
    urls = list(HOSTILE)
    while len(urls) < count:
        one, other = chance.choice(HOSTILE), chance.choice(HOSTILE)
        at = chance.randrange(len(one) + 1)
        urls.append(one[:at] + chance.choice(["", "\t", "\r\n", "@", "//", "\\", "https://", "javascript:"]) + other)
    return urls


def batches(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + 100] for start in range(0, len(items), 100)]


async def refused_or_safe(outcomes: Outcomes, asked: list[str]) -> int:
    """How many were refused; the others hold an address that may be sent to anybody."""
    for url, item in zip(asked, outcomes.items, strict=True):
        assert item.result is Result.REFUSED or (item.link and is_safe_location(item.link.destination_url)), url
    return sum(item.result is Result.REFUSED for item in outcomes.items)


async def test_no_way_in_takes_an_address_that_may_not_be_sent_to_a_visitor(desk: Desk) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    urls = hostile_urls(random.Random(seed), 500)
    mine: dict[str, Any] = {"workspace": desk.workspace, "mode": desk.mode}
    links = [await desk.create(SAFE) for _ in range(100)]
    refused = 0
    for batch in batches(urls):
        new = tuple(NewLink(destination_url=url) for url in batch)
        edits = tuple(LinkEdit(id=link.id, destination_url=url) for link, url in zip(links, batch, strict=True))
        for ask in (CreateLinks(**mine, links=new, atomicity=Atomicity.EACH), ImportLinks(**mine, links=new)):
            refused += await refused_or_safe(await desk.bus.ask(ask), batch)
        ends = tuple(NewLink(destination_url=SAFE, expired_url=url) for url in batch)
        await desk.bus.ask(ImportLinks(**mine, links=ends))
        await desk.bus.ask(UpdateLinks(**mine, links=edits, atomicity=Atomicity.EACH))
    assert refused >= 2 * len(HOSTILE)
    for url in HOSTILE:
        for single in (
            CreateLink(**mine, destination_url=url),
            UpdateLink(**mine, id=links[0].id, destination_url=url),
        ):
            with pytest.raises(Fault):
                await desk.bus.ask(single)
        with pytest.raises(Fault):
            await desk.bus.ask(UpsertLink(**mine, external_id="hostile", destination_url=url))
    for link in await everything(desk):
        assert is_safe_location(link.destination_url)
        assert link.expired_url is None or is_safe_location(link.expired_url)


async def everything(desk: Desk) -> list[Link]:
    links: list[Link] = []
    after = None
    while True:
        page = await desk.bus.ask(ExportLinks(workspace=desk.workspace, mode=desk.mode, after=after))
        links += page.links
        after = page.after
        if after is None:
            return links


async def test_every_short_code_is_either_refused_or_one_that_leads_to_its_link(desk: Desk) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    signs = string.ascii_letters + string.digits + "-_" + "+./ %ä\0\n"
    words = ["".join(chance.choices(signs, k=chance.choice([1, 2, 3, 8, 50, 51]))) for _ in range(300)]
    words += ["api", "v1", "API", "Livez", "a" * 50, "a" * 51, "ab"]
    for batch in batches(words):
        new = tuple(NewLink(destination_url=SAFE, slug=word) for word in batch)
        ask = ImportLinks(workspace=desk.workspace, mode=desk.mode, links=new, on_conflict=OnConflict.FAIL)
        for word, item in zip(batch, (await desk.bus.ask(ask)).items, strict=True):
            if item.refusal is None:
                assert slugs.valid(word)
                assert not is_reserved(word)
                assert item.link
                assert item.link.slug == word
            else:
                code = item.refusal.code
                assert item.refusal.details[0]["field"] == "slug"
                assert code is (Code.INVALID if not slugs.valid(word) else code)
                assert code in (Code.INVALID, Code.IMPOSSIBLE, Code.CONFLICT)


@pytest.mark.parametrize(
    "given",
    [
        {"tags": tuple(f"{number:02}" + "é" * 48 for number in range(50))},
        {"metadata": {f"key{number}": number for number in range(50)}},
        {"metadata": {"k": "x" * (fields.METADATA_BYTES - len('{"k":""}'))}},
        {"metadata": {"nested": {"list": [1, None, {"a": []}]}, "": "", "nul": "a\0b"}},
        {"external_id": "é" * 255, "title": "t" * 255, "description": "d" * 500},
        {"max_clicks": 2**53 - 1, "position": 1_000_000},
    ],
)
async def test_values_at_their_limit_are_kept_word_for_word(desk: Desk, given: dict[str, Any]) -> None:
    link = await desk.create(**given)
    assert {name: getattr(link, name) for name in given} == given
    assert await everything(desk) == [link]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tags": tuple(str(number) for number in range(51))}, "tags"),
        ({"tags": ("x" * 51,)}, "tags"),
        ({"tags": ("",)}, "tags"),
        ({"metadata": {str(number): 0 for number in range(51)}}, "metadata"),
        ({"metadata": {"k": "x" * (fields.METADATA_BYTES - len('{"k":""}') + 1)}}, "metadata"),
        ({"external_id": "é" * 256}, "external_id"),
        ({"max_clicks": 0}, "max_clicks"),
        ({"max_clicks": 2**53}, "max_clicks"),
    ],
)
async def test_values_past_their_limit_are_refused_by_every_way_in(
    desk: Desk, given: dict[str, Any], field: str
) -> None:
    link = await desk.create()
    mine: dict[str, Any] = {"workspace": desk.workspace, "mode": desk.mode}
    bulk = await desk.bus.ask(CreateLinks(**mine, links=(NewLink(destination_url=SAFE, **given),)))
    edits = await desk.bus.ask(UpdateLinks(**mine, links=(LinkEdit(id=link.id, **given),)))
    for outcomes in (bulk, edits):
        assert outcomes.items[0].refusal
        assert outcomes.items[0].refusal.details[0]["field"] == field
    with pytest.raises(Fault) as creation:
        await desk.create(**given)
    with pytest.raises(Fault) as update:
        await desk.bus.ask(UpdateLink(**mine, id=link.id, **given))
    for refusal in (creation.value, update.value):
        assert (refusal.code, refusal.details[0]["field"]) == (Code.INVALID, field)
