"""Scans of QR codes: counted with the clicks that they are, once, and told to the links service."""

import random
import signal
from datetime import timedelta

import msgspec

from shared import ids
from shared.contracts.analytics import CLICKS_SUBJECT, Kind
from shared.contracts.links import CreateLink
from shared.contracts.links.qr_codes import CreateQrCode, GetQrCode, QrCode
from shared.contracts.modes import Mode
from tests.services.analytics.conftest import Copies, Day
from tests.services.analytics.test_rebuild import rebuild
from tests.services.analytics.visits import batch, counted, everywhere, rows, send, until, until_drained, visit
from tests.world import World

KILLS = 4


async def new_code(world: World) -> QrCode:
    workspace = ids.new()
    made = CreateLink(workspace=workspace, mode=Mode.LIVE, destination_url="https://example.com/")
    link = await world.bus.ask(made)
    return await world.bus.ask(CreateQrCode(workspace=workspace, mode=Mode.LIVE, link=link.id))


async def scans_of(world: World, code: QrCode) -> int:
    """As the links service tells it."""
    return (await world.bus.ask(GetQrCode(workspace=code.workspace, mode=code.mode, id=code.id))).scans


async def kept(world: World, codes: list[str]) -> list[tuple[object, ...]]:
    """By day, and in all."""
    days = "select code, day, scans from analytics.code_days where code = any($1) order by code, day"
    totals = "select code, scans from analytics.code_totals where code = any($1) order by code"
    return [tuple(row) for query in (days, totals) for row in await rows(world, query, codes)]


async def test_a_code_knows_how_many_people_scanned_it(world: World) -> None:
    code = await new_code(world)
    for number in (3, 5):
        scans = [visit(code.workspace, code.link, code=code.id) for _ in range(number)]
        others = [
            visit(code.workspace, code.link),
            visit(code.workspace, code.link, code=code.id, bot=True),
            visit(code.workspace, code.link, code=code.id, user_agent="Googlebot/2.1"),
            visit(code.workspace, kind=Kind.VIEW),
        ]
        await send(world, batch([*scans, *others]))
        await until_drained(world)
    await until(lambda: scans_of(world, code), lambda seen: seen == 8)
    assert await counted(world, code.workspace) == everywhere(clicks=10, bots=4, views=2)
    raw = "select count(*) from analytics.visits where code = $1"
    assert (await rows(world, raw, code.id))[0]["count"] == 12
    reported = "select scans, reported from analytics.code_totals where code = $1"
    await until(lambda: rows(world, reported, code.id), lambda seen: tuple(seen[0]) == (8, 8))


async def test_scans_of_a_batch_that_comes_again_and_of_copies_that_are_killed_count_once(
    world: World, copies: Copies
) -> None:
    workspace, links, codes = ids.new(), [ids.new() for _ in range(20)], [ids.new() for _ in range(30)]
    batches = [
        batch(visit(workspace, random.choice(links), code=random.choice([*codes, ""])) for _ in range(50))
        for _ in range(100)
    ]
    wanted = {code: sum(each.code == code for one in batches for each in one.visits) for code in codes}
    share = len(batches) // (KILLS + 1)
    async with copies(2) as (one, _):
        for kill in range(KILLS + 1):
            await send(world, *batches[kill * share : (kill + 1) * share])
            await one.stop(signal.SIGKILL)
            await one.start()
        for again in batches[:20]:
            # Under another message id the stream itself cannot tell that it has this batch already.
            await world.bus.publish(CLICKS_SUBJECT, msgspec.msgpack.encode(again), ids.new(), 5)
        await until_drained(world)
    assert await counted(world, workspace) == everywhere(clicks=5_000, bots=0, views=0)
    found = "select code, scans from analytics.code_totals where code = any($1)"
    assert {row["code"]: row["scans"] for row in await rows(world, found, codes)} == wanted
    found = "select code, sum(scans)::bigint as scans from analytics.code_days where code = any($1) group by code"
    assert {row["code"]: row["scans"] for row in await rows(world, found, codes)} == wanted


async def test_scans_are_the_same_when_their_day_has_been_made_anew(world: World, day: Day) -> None:
    workspace, link, codes = ids.new(), ids.new(), sorted(ids.new() for _ in range(5))
    noon, other = await day(21), await day(22)
    visits = [
        visit(
            workspace,
            link,
            at=random.choice([noon, other]) + timedelta(seconds=number),
            code=random.choice([*codes, ""]),
            bot=number % 11 == 0,
        )
        for number in range(800)
    ]
    await send(world, batch(visits))
    await until_drained(world)
    before = await kept(world, codes)
    assert sum(row[-1] for row in before if len(row) == 2) == sum(bool(v.code) and not v.bot for v in visits)  # type: ignore[misc]
    await rows(world, "update analytics.code_days set scans = 7 where code = $1", codes[0])
    await rows(world, "delete from analytics.code_days where code = $1 and day = $2", codes[1], noon.date())
    await rows(world, "insert into analytics.code_days values ($1, $2, 5)", ids.new(), noon.date())
    await rows(world, "update analytics.code_totals set scans = scans + 9 where code = $1", codes[2])
    await rows(world, "delete from analytics.code_totals where code = $1", codes[3])
    assert await kept(world, codes) != before
    assert (await rebuild(world, other.date(), noon.date()))[0] == 0
    assert await kept(world, codes) == before


async def test_every_total_of_scans_is_told_when_there_are_more_than_one_message_holds(
    world: World, copies: Copies
) -> None:
    workspace, codes = ids.new(), [ids.new() for _ in range(95)]
    query = "select code from analytics.code_totals where code = any($1) and not due"
    async with copies(2, totals_batch=10):
        await send(world, batch(visit(workspace, ids.new(), code=code) for code in codes))
        await until(lambda: rows(world, query, codes), lambda told: len(told) == len(codes))
