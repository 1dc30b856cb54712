"""Links by the caller's own names."""

import asyncio

import pytest

from shared.contracts.links import GetLink, UpdateLink, UpsertLink
from shared.faults import Code, Fault
from tests.services.links.conftest import Desk


def upsert(desk: Desk, external_id: str, **fields: object) -> UpsertLink:
    return UpsertLink(workspace=desk.workspace, mode=desk.mode, external_id=external_id, **fields)  # type: ignore[arg-type]


def get(desk: Desk, **fields: object) -> GetLink:
    return GetLink(workspace=desk.workspace, mode=desk.mode, **fields)  # type: ignore[arg-type]


async def test_a_link_is_found_by_its_id_its_external_id_and_its_short_code(desk: Desk) -> None:
    link = await desk.create(external_id="order/4711")
    for fields in ({"id": link.id}, {"external_id": "order/4711"}, {"slug": link.slug}):
        assert await desk.bus.ask(get(desk, **fields)) == link


@pytest.mark.parametrize("fields", [{}, {"id": "x", "slug": "abc"}])
async def test_a_link_is_asked_for_by_exactly_one_of_its_names(desk: Desk, fields: dict[str, str]) -> None:
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(get(desk, **fields))
    assert refusal.value.code is Code.INVALID


async def test_an_external_id_is_unique_in_the_workspace_and_mode(desk: Desk, test_desk: Desk) -> None:
    await desk.create(external_id="one")
    await test_desk.create(external_id="one")
    other = await desk.create()
    with pytest.raises(Fault) as creation:
        await desk.create(external_id="one")
    with pytest.raises(Fault) as change:
        await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=other.id, external_id="one"))
    for refusal in (creation.value, change.value):
        assert (refusal.code, refusal.details[0]["field"]) == (Code.CONFLICT, "external_id")


async def test_an_external_id_that_was_cleared_is_free_again(desk: Desk) -> None:
    link = await desk.create(external_id="once")
    await desk.bus.ask(UpdateLink(workspace=desk.workspace, mode=desk.mode, id=link.id, external_id=None))
    assert (await desk.create(external_id="once")).external_id == "once"


async def test_an_upsert_makes_the_link_and_then_changes_it(desk: Desk) -> None:
    made = await desk.bus.ask(upsert(desk, "sku-1", destination_url="https://example.com/1", title="One"))
    assert made.created
    changed = await desk.bus.ask(upsert(desk, "sku-1", destination_url="https://example.com/2"))
    assert not changed.created
    assert (changed.link.id, changed.link.title) == (made.link.id, "One")
    assert changed.link.destination_url == "https://example.com/2"


async def test_an_upsert_of_a_new_link_needs_a_destination(desk: Desk) -> None:
    with pytest.raises(Fault) as refusal:
        await desk.bus.ask(upsert(desk, "nothing", title="Nowhere"))
    assert (refusal.value.code, refusal.value.details[0]["field"]) == (Code.INVALID, "destination_url")


@pytest.mark.usefixtures("second_copy")
async def test_of_many_upserts_at_once_exactly_one_makes_the_link(desk: Desk) -> None:
    for number in range(10):
        asks = [upsert(desk, f"race-{number}", destination_url=f"https://example.com/{each}") for each in range(12)]
        answers = await asyncio.gather(*map(desk.bus.ask, asks))
        assert sum(answer.created for answer in answers) == 1
        assert len({answer.link.id for answer in answers}) == 1


@pytest.mark.parametrize("text", ["", "x" * 256, "line\nbreak", "nul\0"])
async def test_an_impossible_external_id_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(Fault) as making:
        await desk.bus.ask(upsert(desk, text, destination_url="https://example.com"))
    with pytest.raises(Fault) as looking:
        await desk.bus.ask(get(desk, external_id=text))
    for refusal in (making.value, looking.value):
        assert (refusal.code, refusal.details[0]["field"]) == (Code.INVALID, "external_id")
