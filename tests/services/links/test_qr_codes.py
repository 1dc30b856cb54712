"""QR codes at their service: who wins when several change one link, and what is told of it."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import asyncpg
import pytest

from shared.contracts.links import ClaimClick, DeleteLink, DeleteLinks, Link, Resolve, ResolveMany, Unlock
from shared.contracts.links.qr_codes import (
    CreateQrCode,
    DeleteQrCode,
    DrawQrCode,
    Format,
    GetQrCode,
    ListQrCodes,
    Picture,
    QrCode,
    QrCodeCreated,
    QrCodeDeleted,
    RecordScans,
    Scans,
    UpdateQrCode,
)
from shared.faults import Code, Fault
from shared.ids import new as new_id
from tests.client import until, within
from tests.services.links.conftest import Desk
from tests.world import Process, World

ROUNDS = 20


class Gossip:
    """What has been told of the codes of a link."""

    def __init__(self) -> None:
        self._told: list[QrCodeCreated | QrCodeDeleted] = []

    def hear(self, event: QrCodeCreated | QrCodeDeleted) -> None:
        self._told.append(event)

    def about(self, link: Link) -> tuple[list[QrCode], list[QrCode]]:
        """Those made and those deleted."""
        mine = [event for event in self._told if event.link.id == link.id]
        return (
            [event.code for event in mine if isinstance(event, QrCodeCreated)],
            [event.code for event in mine if isinstance(event, QrCodeDeleted)],
        )


@pytest.fixture(scope="module")
async def gossip(world: World) -> Gossip:
    gossip = Gossip()
    await world.bus.hear(QrCodeCreated, gossip.hear)
    await world.bus.hear(QrCodeDeleted, gossip.hear)
    return gossip


async def make(desk: Desk, link: Link, **fields: Any) -> QrCode:
    question = CreateQrCode(workspace=desk.workspace, mode=desk.mode, link=link.id, **fields)
    return await desk.bus.ask(question, timeout=10)


async def delete(desk: Desk, *links: Link) -> None:
    for link in links:
        await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=link.id))


async def delete_together(desk: Desk, *links: Link) -> None:
    question = DeleteLinks(workspace=desk.workspace, mode=desk.mode, ids=tuple(link.id for link in links))
    assert (await desk.bus.ask(question)).done


async def codes_of(desk: Desk, link: Link) -> tuple[QrCode, ...]:
    question = ListQrCodes(workspace=desk.workspace, mode=desk.mode, link=link.id, limit=100)
    return (await desk.bus.ask(question)).codes


async def outcome(asked: Awaitable[object]) -> object:
    try:
        return await asked
    except Fault as fault:
        return fault


async def test_each_code_is_told_of_when_it_comes_and_when_it_goes(desk: Desk, gossip: Gossip) -> None:
    link = await desk.create(title="Summer", tags=("a",))
    first, second = await make(desk, link, title="Poster"), await make(desk, link)
    await desk.bus.ask(DeleteQrCode(workspace=desk.workspace, mode=desk.mode, id=first.id))
    await delete(desk, link)

    async def told() -> tuple[list[QrCode], list[QrCode]]:
        return gossip.about(link)

    (made, gone), _ = await until(told, lambda seen: len(seen[1]) == 2)
    assert made == [first, second]
    assert gone == [first, second]
    assert first.slug == link.slug


async def test_a_code_made_while_its_link_is_deleted_is_refused_or_goes_with_it_and_is_told(
    desk: Desk, gossip: Gossip, second_copy: Process
) -> None:
    for number in range(ROUNDS):
        link = await desk.create()
        deleting = delete_together if number % 2 else delete
        *made, deleted = await asyncio.gather(*(outcome(make(desk, link)) for _ in range(8)), deleting(desk, link))
        assert deleted is None
        codes = {each.id for each in made if isinstance(each, QrCode)}
        assert {each.code for each in made if isinstance(each, Fault)} <= {Code.IMPOSSIBLE}
        assert await codes_of(desk, link) == ()

        async def told(link: Link = link) -> tuple[set[str], set[str]]:
            came, went = gossip.about(link)
            assert len(came) == len({code.id for code in came})
            assert len(went) == len({code.id for code in went})
            return {code.id for code in came}, {code.id for code in went}

        await until(told, lambda seen, codes=codes: seen == (codes, codes))  # type: ignore[misc]


async def test_a_link_never_has_more_codes_than_it_may(desk: Desk, second_copy: Process) -> None:
    link = await desk.create()
    # As many as find a connection at once, whatever else the machine does.
    few = asyncio.Semaphore(10)

    async def one_more() -> object:
        async with few:
            return await outcome(make(desk, link))

    made = await asyncio.gather(*(one_more() for _ in range(70)))
    assert sum(isinstance(each, QrCode) for each in made) == 50
    assert {(each.code, each.details[0]["field"]) for each in made if isinstance(each, Fault)} == {
        (Code.IMPOSSIBLE, "link")
    }
    codes = await codes_of(desk, link)
    assert len({code.token for code in codes}) == 50


async def test_changes_at_the_same_time_lose_nothing(desk: Desk, second_copy: Process) -> None:
    code = await make(desk, await desk.create())
    where: dict[str, Any] = {"workspace": desk.workspace, "mode": desk.mode, "id": code.id}
    changes: list[dict[str, Any]] = [{"title": "Poster"}, {"foreground": "#112233"}, {"margin": 7}]
    await asyncio.gather(*(desk.bus.ask(UpdateQrCode(**where, **change)) for change in changes))
    now = await desk.bus.ask(GetQrCode(**where))
    assert (now.title, now.foreground, now.margin) == ("Poster", "#112233", 7)
    assert now.token == code.token


async def test_whoever_asks_where_a_link_leads_is_told_its_codes(desk: Desk) -> None:
    link = await desk.create(password="sesame", max_clicks=9)
    codes = [await make(desk, link) for _ in range(2)]
    known = [
        (await desk.bus.ask(Resolve(domain="", slug=link.slug))).target,
        *(await desk.bus.ask(ResolveMany(keys=(("", link.slug),)))).targets,
        (await desk.bus.ask(Unlock(domain="", slug=link.slug, password="sesame"))).target,
        (await desk.bus.ask(ClaimClick(domain="", slug=link.slug))).target,
    ]
    for target in known:
        assert target
        assert target.codes == {code.token: code.id for code in codes}


async def test_scans_only_ever_grow(desk: Desk) -> None:
    link = await desk.create()
    codes = [await make(desk, link) for _ in range(3)]
    for first, second in ((3, 5), (9, 2), (9, 5), (1, 0)):
        totals = (Scans(code=codes[0].id, scans=first), Scans(code=codes[1].id, scans=second))
        await desk.bus.ask(RecordScans(totals=(*totals, Scans(code=new_id(), scans=7))))
    assert [code.scans for code in await codes_of(desk, link)] == [0, 5, 9]


async def test_links_go_while_their_codes_are_scanned_and_nobody_waits_in_a_circle(
    desk: Desk, second_copy: Process
) -> None:
    for number in range(ROUNDS):
        links = [await desk.create() for _ in range(3)]
        codes = [await make(desk, link) for _ in range(4) for link in links]
        reports = [
            desk.bus.ask(RecordScans(totals=tuple(Scans(code=code.id, scans=number + more) for code in codes)))
            for more in range(6)
        ]
        await asyncio.gather(*reports, delete_together(desk, *reversed(links)))


async def test_codes_go_with_a_link_that_a_former_release_deletes(desk: Desk, owner: asyncpg.Connection) -> None:
    link = await desk.create()
    code = await make(desk, link)
    # It knows of no codes.
    await owner.execute("delete from links.links where id = $1", link.id)
    assert await owner.fetchval("select count(*) from links.qr_codes where id = $1", code.id) == 0


@pytest.mark.parametrize("text", ["", "x" * 3_000])
async def test_what_no_code_can_hold_is_refused(world: World, text: str) -> None:
    with pytest.raises(Fault) as refused:
        await world.bus.ask(DrawQrCode(text=text, format=Format.SVG, size=512))
    assert refused.value.details[0]["field"] == "text"


async def test_a_flood_of_pictures_does_not_keep_other_questions_waiting(desk: Desk) -> None:
    link = await desk.create()
    question = DrawQrCode(text="https://go.example/x?qr=1", format=Format.PNG, size=4096)

    async def draw() -> Picture:
        return await desk.bus.ask(question, timeout=20)

    async def attempt(_: int) -> float:
        """0 when the other question has been answered before the last picture."""
        flood = [asyncio.create_task(outcome(draw())) for _ in range(300)]
        await asyncio.sleep(0)
        assert await codes_of(desk, link) == ()
        in_time = not all(task.done() for task in flood)
        answers = await asyncio.gather(*flood)
        assert {each.code for each in answers if isinstance(each, Fault)} == {Code.UNAVAILABLE}
        assert sum(not isinstance(each, Fault) for each in answers) >= 64
        return 0.0 if in_time else 1.0

    await within(0.0, attempt)
