import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared import ids
from shared.contracts.ask import Ask
from shared.contracts.links import (
    DeleteLink,
    GetLink,
    LinkDeleted,
    LinkExpired,
    LinkUpdated,
    RecordTotals,
    Resolve,
    Status,
    Total,
    Unlock,
    UpdateLink,
)
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.services.links.conftest import Desk, Ear
from tests.services.links.test_create import WRONG
from tests.world import World


def update(desk: Desk, link_id: str, **fields: object) -> UpdateLink:
    return UpdateLink(workspace=desk.workspace, mode=desk.mode, id=link_id, **fields)  # type: ignore[arg-type]


FULL = {
    "slug": "",  # each test draws its own
    "title": "Title",
    "description": "Text",
    "thumbnail": "https://example.com/a.png",
    "position": 5,
    "tags": ("a",),
    "metadata": {"a": 1},
    "expires_at": datetime(2999, 1, 1, tzinfo=UTC),
    "expired_url": "https://example.com/gone",
    "password": "secret",
    "max_clicks": 9,
}


async def test_an_update_changes_what_is_given_and_leaves_the_rest(desk: Desk) -> None:
    link = await desk.create(**FULL | {"slug": ids.new()})  # type: ignore[arg-type]
    changed = await desk.bus.ask(update(desk, link.id, title="Other"))
    assert changed == msgspec.structs.replace(link, title="Other", updated_at=changed.updated_at)
    assert changed.updated_at > link.updated_at
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == changed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("destination_url", "https://example.org/"),
        ("slug", "drawn"),
        ("title", "Other"),
        ("description", "Other"),
        ("thumbnail", "https://example.org/b.png"),
        ("active", False),
        ("position", 0),
        ("tags", ()),
        ("tags", ("x", "y")),
        ("metadata", {}),
        ("metadata", {"b": [2]}),
        ("expires_at", datetime(2888, 1, 1, tzinfo=UTC)),
        ("expired_url", "https://example.org/gone"),
        ("max_clicks", 1),
        ("show_on_profile", False),
        ("forward_query", True),
    ],
)
async def test_every_field_can_be_changed_by_itself(desk: Desk, field: str, value: object) -> None:
    link = await desk.create(**FULL | {"slug": ids.new()})  # type: ignore[arg-type]
    value = ids.new() if field == "slug" else value
    changed = await desk.bus.ask(update(desk, link.id, **{field: value}))
    assert changed == msgspec.structs.replace(link, updated_at=changed.updated_at, **{field: value})


@pytest.mark.parametrize(
    "field", ["title", "description", "thumbnail", "expires_at", "expired_url", "max_clicks", "password"]
)
async def test_none_clears_an_optional_value(desk: Desk, field: str) -> None:
    link = await desk.create(**FULL | {"slug": ids.new()})  # type: ignore[arg-type]
    changed = await desk.bus.ask(update(desk, link.id, **{field: None}))
    cleared: dict[str, object] = {"has_password": False} if field == "password" else {field: None}
    assert changed == msgspec.structs.replace(link, updated_at=changed.updated_at, **cleared)


@pytest.mark.parametrize(("field", "value", "code"), [each for each in WRONG if each[0] != "domain"])
async def test_a_wrong_new_value_is_refused_and_changes_nothing(
    desk: Desk, field: str, value: object, code: Code
) -> None:
    link = await desk.create()
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(update(desk, link.id, **{field: value}))
    assert refusal.value.code is code
    assert [detail["field"] for detail in refusal.value.details] == [field]
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == link


async def test_a_new_slug_leads_there_and_the_former_one_nowhere(desk: Desk, ear: Ear) -> None:
    link = await desk.create()
    changed = await desk.bus.ask(update(desk, link.id, slug=ids.new()))
    assert (await desk.bus.ask(Resolve(domain="", slug=link.slug))).target is None
    found = await desk.bus.ask(Resolve(domain="", slug=changed.slug))
    assert found.target
    assert found.target.link == link.id
    told = await ear.until(link.id, 2)
    assert told[1] == LinkUpdated(link=changed, former_slug=link.slug)


async def test_an_update_that_keeps_the_slug_tells_of_no_former_one(desk: Desk, ear: Ear) -> None:
    link = await desk.create()
    changed = await desk.bus.ask(update(desk, link.id, slug=link.slug, title="Other"))
    told = await ear.until(link.id, 2)
    assert told[1] == LinkUpdated(link=changed)


async def test_a_limit_that_is_lowered_to_what_was_used_ends_the_link_and_that_is_told_once(
    desk: Desk, ear: Ear
) -> None:
    link = await desk.create()
    await desk.bus.ask(RecordTotals(totals=(Total(link=link.id, clicks=5),)))
    assert (await desk.bus.ask(update(desk, link.id, max_clicks=6))).status(datetime.now(UTC)) is Status.ACTIVE
    ended = await desk.bus.ask(update(desk, link.id, max_clicks=5))
    assert ended.status(datetime.now(UTC)) is Status.EXPIRED
    await desk.bus.ask(update(desk, link.id, max_clicks=4))
    told = await ear.until(link.id, 5)
    names = ["LinkCreated", "LinkUpdated", "LinkUpdated", "LinkExpired", "LinkUpdated"]
    assert [type(each).__name__ for each in told] == names
    assert told[3] == LinkExpired(link=ended)


async def test_a_slug_that_somebody_has_cannot_be_moved_to(desk: Desk) -> None:
    stranger = await Desk(desk.bus, ids.new(), Mode.TEST).create()
    link = await desk.create()
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(update(desk, link.id, slug=stranger.slug, title="Other"))
    assert refusal.value.code is Code.CONFLICT
    assert refusal.value.details[0]["field"] == "slug"
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == link


async def test_of_many_who_move_to_one_slug_at_once_exactly_one_gets_it(desk: Desk) -> None:
    for _ in range(20):
        links = [await desk.create() for _ in range(6)]
        slug = ids.new()
        moves = (desk.bus.ask(update(desk, link.id, slug=slug)) for link in links[:5])
        answers = await asyncio.gather(*moves, desk.create(slug=slug), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Fault)]
        assert [fault.code for fault in refused] == [Code.CONFLICT] * 5


async def test_concurrent_updates_of_different_fields_all_stay(desk: Desk, ear: Ear) -> None:
    link = await desk.create(active=False)
    given: dict[str, object] = {
        "title": "New",
        "description": "New",
        "position": 3,
        "tags": ("new",),
        "max_clicks": 8,
        "active": True,
        "show_on_profile": False,
        "forward_query": True,
    }
    await asyncio.gather(*(desk.bus.ask(update(desk, link.id, **{field: value})) for field, value in given.items()))
    found = await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id))
    assert found == msgspec.structs.replace(link, updated_at=found.updated_at, **given)
    told = await ear.until(link.id, 1 + len(given))
    assert {event.link.updated_at for event in told[1:]} >= {found.updated_at}


async def test_a_deleted_link_is_gone_and_its_slug_is_free(desk: Desk, ear: Ear) -> None:
    link = await desk.create()
    await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=link.id))
    assert (await desk.bus.ask(Resolve(domain="", slug=link.slug))).target is None
    told = await ear.until(link.id, 2)
    assert told[1] == LinkDeleted(link=link)
    assert (await desk.create(slug=link.slug)).id != link.id
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=link.id))
    assert refusal.value.code is Code.NOT_FOUND


async def test_of_many_who_delete_one_link_at_once_exactly_one_succeeds(desk: Desk) -> None:
    link = await desk.create()
    ask = DeleteLink(workspace=desk.workspace, mode=desk.mode, id=link.id)
    answers = await asyncio.gather(*(desk.bus.ask(ask) for _ in range(8)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1


async def test_a_foreign_link_cannot_be_told_from_one_that_never_was(desk: Desk, test_desk: Desk) -> None:
    link = await desk.create()
    stranger = Desk(desk.bus, ids.new(), Mode.LIVE)
    seen = set()
    for asker, link_id in ((stranger, link.id), (test_desk, link.id), (desk, ids.new()), (desk, "no id\0"), (desk, "")):
        asks: tuple[Ask[Any], ...] = (
            GetLink(workspace=asker.workspace, mode=asker.mode, id=link_id),
            update(asker, link_id, title="Mine now"),
            DeleteLink(workspace=asker.workspace, mode=asker.mode, id=link_id),
        )
        for ask in asks:
            with pytest.raises(Fault) as refusal:
                await desk.bus.ask(ask)
            seen.add((refusal.value.code, refusal.value.message, refusal.value.details))
    assert seen == {(Code.NOT_FOUND, "There is no such link", ())}
    assert await desk.bus.ask(GetLink(workspace=desk.workspace, mode=desk.mode, id=link.id)) == link


async def test_a_new_password_replaces_the_old_one(desk: Desk) -> None:
    link = await desk.create(password="old")
    await desk.bus.ask(update(desk, link.id, password="new", title="Other"))
    assert (await desk.bus.ask(Unlock(domain="", slug=link.slug, password="old"))).target is None
    assert (await desk.bus.ask(Unlock(domain="", slug=link.slug, password="new"))).target
    await desk.bus.ask(update(desk, link.id, title="Another"))
    assert (await desk.bus.ask(Unlock(domain="", slug=link.slug, password="new"))).target


async def test_an_expiry_can_pass_without_stopping_other_changes(desk: Desk, world: World) -> None:
    link = await desk.create(expires_at=datetime.now(UTC) + timedelta(hours=1))
    owner = await world.connect()
    await owner.execute("update links.links set expires_at = now() - interval '1 day' where id = $1", link.id)
    await owner.close()
    assert (await desk.bus.ask(update(desk, link.id, title="Late"))).title == "Late"
