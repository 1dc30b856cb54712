"""Links that are made at the same time share a transaction, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from shared import ids
from shared.contracts.links import CreateLink, GetLink, Link, LinkCreated, ListLinks
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.once import insist, once
from tests.services.links.conftest import Desk, Ear
from tests.world import World

AT = datetime.now(UTC).replace(microsecond=123456) + timedelta(days=1)

EVERYTHING: list[dict[str, Any]] = [
    {},
    {"title": "Tïtle 😀 \\u0000", "description": 'two\nlines, "quoted"', "thumbnail": "https://example.com/a.png"},
    {"active": False, "position": 7, "archived": True, "show_on_profile": False, "forward_query": True},
    {"tags": ("a", 'B "b', "ü", "{}", "null", "\\")},
    {"tags": ("a",), "metadata": {"z": 1, "a": {"b": [1.5, None, True, "x\0"]}, "\0": "\\"}},
    {"expires_at": AT, "expired_url": "https://example.com/gone", "max_clicks": 2**53 - 1},
    {"expires_at": AT.astimezone(timezone(timedelta(hours=-3)))},
    {"password": "p"},
]


async def test_everything_given_is_kept(desk: Desk, ear: Ear) -> None:
    links = await asyncio.gather(*(desk.create(**fields) for fields in EVERYTHING * 5))
    for link, fields in zip(links, EVERYTHING * 5, strict=True):
        given = {name: value for name, value in fields.items() if name != "password"}
        assert {name: getattr(link, name) for name in given} == given
        assert link.has_password == ("password" in fields)
        assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == link
        assert await ear.until(link.id, 1) == [LinkCreated(link=link)]
    assert len({link.slug for link in links}) == len(links)


@pytest.mark.usefixtures("second_copy")
async def test_each_workspace_has_its_own_and_exactly_its_own(world: World) -> None:
    desks = [Desk(world.bus, ids.new(), mode) for _ in range(4) for mode in Mode]
    made = await asyncio.gather(*(desk.create(title=f"{turn}") for turn in range(25) for desk in desks))
    for place, desk in enumerate(desks):
        mine = made[place :: len(desks)]
        page = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode, limit=100))
        assert page.total == 25
        assert sorted(page.links, key=lambda link: link.id) == sorted(mine, key=lambda link: link.id)
        assert {(link.workspace, link.mode) for link in mine} == {(desk.workspace, desk.mode)}


async def test_links_of_one_moment_line_up_after_the_last_one(desk: Desk) -> None:
    await desk.create(position=41)
    await asyncio.gather(*(desk.create() for _ in range(30)))
    page = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode, limit=100))
    positions = [link.position for link in page.links]
    assert positions[0] == 41
    assert min(positions[1:]) == 42
    assert positions == sorted(positions)
    assert [link.created_at for link in page.links if link.position == 42] == sorted(
        link.created_at for link in page.links if link.position == 42
    )


async def test_what_is_wrong_with_one_is_no_trouble_to_the_others(desk: Desk) -> None:
    await desk.create(position=1_000_000)
    asked = [desk.create(destination_url=url) for url in ("https://example.com", "javascript:alert(1)") * 10]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, Link) and answer.position == 1_000_000 for answer in answers[::2])
    assert all(isinstance(answer, Fault) and answer.code is Code.INVALID for answer in answers[1::2])


async def test_one_that_may_be_repeated_is_made_once_among_all_the_others(desk: Desk) -> None:
    keys = [once(ids.new(), workspace=desk.workspace) for _ in range(10)]
    ask = CreateLink(workspace=desk.workspace, mode=desk.mode, destination_url="https://example.com")
    asked = [insist(desk.bus, ask, key) for key in keys * 3]
    done, _ = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*(desk.create() for _ in range(30))))
    assert len({each.answer.id for each in done}) == 10
    page = await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode, limit=100))
    assert page.total == len(page.links) == 40
