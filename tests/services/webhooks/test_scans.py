"""Scans of QR codes are told as facts of their own, beside the clicks that they are."""

import msgspec

from shared import ids
from shared.bus import PASSING_STREAM
from shared.contracts.analytics import Click, Clicked
from shared.contracts.links.qr_codes import QrCode, QrCodeCreated, QrCodeDeleted
from shared.contracts.modes import Mode
from shared.contracts.webhooks import ClicksWanted, Filter
from shared.ids import time_of
from tests.services.analytics.visits import rows, until
from tests.services.keys.told import told
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.mailbox import forgetful_stream, register, tell, until_taken_in
from tests.services.webhooks.test_clicks import click, clicked, new_link, until_wanted
from tests.services.webhooks.test_intake import link as any_link
from tests.world import World

SCANNED = "qr.scanned"


def scan(link: str, code: str) -> Click:
    return msgspec.structs.replace(click(link), code=code)


async def test_whoever_wants_scans_hears_of_these_clicks_only_and_whoever_wants_both_of_both(world: World) -> None:
    workspace, link, code = ids.new(), ids.new(), ids.new()
    scans, clicks, both = [
        await register(world, workspace, *topics)
        for topics in ((SCANNED,), ("link.clicked",), (SCANNED, "link.clicked"))
    ]
    await until_wanted(world, workspace)
    scanned, plain = scan(link, code), click(link)
    await clicked(world, workspace, scanned, plain)
    await both.until(3)
    await until_taken_in(world)
    (body,) = await scans.until(1)
    assert (body["type"], body["data"]["qrCodeId"], body["data"]["id"]) == (
        SCANNED,
        f"qr_{code}",
        f"click_{scanned.id}",
    )
    assert {each["data"]["id"] for each in await clicks.until(2)} == {f"click_{scanned.id}", f"click_{plain.id}"}
    assert not any("qrCodeId" in each["data"] for each in await clicks.until(2))
    assert sorted(each["type"] for each in await both.until(3)) == ["link.clicked", "link.clicked", SCANNED]
    assert len({each["id"] for each in await both.until(3)}) == 3


async def test_scans_pass_the_filters_that_their_links_pass_and_are_never_told_with_clicks(
    world: World, copies: Copies
) -> None:
    workspace = ids.new()
    sale, other = await new_link(world, workspace, tags=("sale",)), await new_link(world, workspace)
    async with copies(webhook_batch_seconds=60):
        tagged = await register(world, workspace, SCANNED, filter=Filter(tags=("sale",)))
        named = await register(world, workspace, SCANNED, filter=Filter(links=(other.id,)))
        batched = await register(world, workspace, SCANNED, "link.clicked", batch=True)
        for _ in range(2):
            await clicked(world, workspace, scan(sale.id, ids.new()), scan(other.id, ids.new()))
        await batched.until(5)
        await until_taken_in(world)
        assert {each["data"]["link"]["id"] for each in await tagged.until(2)} == {f"lnk_{sale.id}"}
        assert {each["data"]["link"]["id"] for each in await named.until(2)} == {f"lnk_{other.id}"}
        together, *alone = sorted(await batched.until(5), key=lambda body: body["type"])
    assert (together["type"], len(together["data"]["clicks"])) == ("link.clicked", 4)
    assert [each["type"] for each in alone] == [SCANNED] * 4


async def test_scans_that_are_heard_again_are_told_once(world: World) -> None:
    workspace = ids.new()
    mailbox = await register(world, workspace, SCANNED)
    fact = Clicked(workspace=workspace, mode=Mode.LIVE, clicks=tuple(scan(ids.new(), ids.new()) for _ in range(3)))
    (event,) = await tell(world, fact)
    await mailbox.until(3)
    async with forgetful_stream(world, PASSING_STREAM) as tell_anew:
        for _ in range(3):
            await tell_anew(fact, event)
    await until_taken_in(world)
    assert len(await mailbox.deliveries()) == 3


async def test_codes_pass_the_filters_that_their_links_pass(world: World) -> None:
    workspace = ids.new()
    link = msgspec.structs.replace(any_link(workspace), tags=("sale",))
    made = time_of(link.id)
    code = QrCode(
        id=ids.new(),
        workspace=workspace,
        mode=Mode.LIVE,
        link=link.id,
        domain="",
        slug=link.slug,
        token="abc123",
        created_at=made,
        updated_at=made,
    )
    hears = await register(world, workspace, filter=Filter(tags=("sale",)))
    does_not = await register(world, workspace, filter=Filter(links=(ids.new(),)))
    await tell(world, QrCodeCreated(code=code, link=link), QrCodeDeleted(code=code, link=link))
    assert {each["type"] for each in await hears.until(2)} == {"qr.created", "qr.deleted"}
    await until_taken_in(world)
    assert await does_not.deliveries() == []


async def test_who_wanted_scans_before_there_were_any_is_told_of_them_from_the_start_on(
    world: World, copies: Copies
) -> None:
    workspace = ids.new()

    async def versions() -> list[int]:
        return [each.version for each in await told(world, ClicksWanted) if each.workspace == workspace]

    async with copies() as (process,):
        await register(world, workspace, SCANNED)
        await until_wanted(world, workspace)
        await process.stop()
        # A release that knew of no scans judged like this, and analytics were never told.
        await rows(world, "update webhooks.workspaces set clicks_wanted = false where workspace = $1", workspace)
        await rows(world, "update analytics.wishes set wanted = false where workspace = $1", workspace)
        await process.start()
        await until_wanted(world, workspace)
        await until(versions, lambda seen: seen == [1, 2])


def test_copies_of_two_releases_read_the_clicks_of_each_other() -> None:
    newer = scan("L", "C")
    fields = Click.__struct_fields__
    assert fields[-1] == "code"
    written = msgspec.msgpack.decode(msgspec.msgpack.encode(newer))
    older = msgspec.msgpack.decode(msgspec.msgpack.encode(written[:-1]), type=Click)
    assert older == msgspec.structs.replace(newer, code="")
    former = msgspec.defstruct("Click", [(name, int if name == "at" else str) for name in fields[:-1]], array_like=True)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(newer), type=former)
    assert msgspec.structs.astuple(read) == msgspec.structs.astuple(newer)[:-1]
