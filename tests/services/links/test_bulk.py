"""Many links at once."""

import pytest

from shared.contracts.bulk import Atomicity, OnConflict, Result
from shared.contracts.link_fields import LinkEdit, NewLink
from shared.contracts.links import (
    CreateLinks,
    DeleteLinks,
    ImportLinks,
    LinkDeleted,
    Outcomes,
    SearchLinks,
    UpdateLinks,
)
from shared.faults import Code, Fault
from shared.ids import new as new_id
from tests.services.links.conftest import Desk, Ear

FINE = "https://example.com/fine"


async def create(desk: Desk, *links: NewLink, atomicity: Atomicity = Atomicity.ALL) -> Outcomes:
    return await desk.bus.ask(CreateLinks(workspace=desk.workspace, mode=desk.mode, links=links, atomicity=atomicity))


async def total(desk: Desk) -> int:
    return (await desk.bus.ask(SearchLinks(workspace=desk.workspace, mode=desk.mode))).total


def results(outcomes: Outcomes) -> list[Result]:
    return [item.result for item in outcomes.items]


async def test_a_hundred_links_are_made_in_their_order_and_each_is_told(desk: Desk, ear: Ear) -> None:
    outcomes = await create(desk, *(NewLink(destination_url=f"{FINE}/{n}", title=str(n)) for n in range(100)))
    assert outcomes.done
    links = [item.link for item in outcomes.items if item.link]
    assert [(link.title, link.position) for link in links] == [(str(n), n) for n in range(100)]
    assert await total(desk) == 100
    for link in links:
        assert [type(told).__name__ for told in await ear.until(link.id, 1)] == ["LinkCreated"]


async def test_all_or_nothing_leaves_nothing_and_names_every_item_that_is_wrong(desk: Desk) -> None:
    taken = await desk.create()
    outcomes = await create(
        desk,
        NewLink(destination_url=FINE),
        NewLink(destination_url="javascript:alert(1)"),
        NewLink(destination_url=FINE, slug=taken.slug),
        NewLink(destination_url=FINE),
    )
    assert not outcomes.done
    assert results(outcomes) == [Result.UNDONE, Result.REFUSED, Result.REFUSED, Result.UNDONE]
    refusals = [item.refusal for item in outcomes.items if item.refusal]
    assert [(each.code, each.details[0]["field"]) for each in refusals] == [
        (Code.INVALID, "destination_url"),
        (Code.CONFLICT, "slug"),
    ]
    assert await total(desk) == 1


async def test_each_for_itself_makes_all_that_can_be_made(desk: Desk) -> None:
    slug = f"twice-{new_id()[:8]}"
    outcomes = await create(
        desk,
        NewLink(destination_url=FINE, slug=slug),
        NewLink(destination_url=FINE, slug=slug),
        NewLink(destination_url="ftp://example.com"),
        NewLink(destination_url=FINE),
        atomicity=Atomicity.EACH,
    )
    assert outcomes.done
    assert results(outcomes) == [Result.CREATED, Result.REFUSED, Result.REFUSED, Result.CREATED]
    assert await total(desk) == 2


async def test_many_are_changed_and_what_is_not_theirs_is_not_found(desk: Desk, test_desk: Desk) -> None:
    mine, other = await desk.create(), await test_desk.create()
    edits = (LinkEdit(id=mine.id, title="New"), LinkEdit(id=other.id, title="New"), LinkEdit(id="\0", title="x"))
    ask = UpdateLinks(workspace=desk.workspace, mode=desk.mode, links=edits, atomicity=Atomicity.EACH)
    outcomes = await desk.bus.ask(ask)
    assert results(outcomes) == [Result.UPDATED, Result.REFUSED, Result.REFUSED]
    assert outcomes.items[0].link
    assert outcomes.items[0].link.title == "New"
    assert {item.refusal.code for item in outcomes.items if item.refusal} == {Code.NOT_FOUND}


async def test_a_conflict_among_many_changes_undoes_that_one_alone(desk: Desk) -> None:
    first, second, third = [await desk.create(title="Old") for _ in range(3)]
    edits = (
        LinkEdit(id=first.id, title="New"),
        LinkEdit(id=second.id, slug=first.slug, title="New"),
        LinkEdit(id=third.id, title="New"),
    )
    ask = UpdateLinks(workspace=desk.workspace, mode=desk.mode, links=edits, atomicity=Atomicity.EACH)
    assert results(await desk.bus.ask(ask)) == [Result.UPDATED, Result.REFUSED, Result.UPDATED]
    page = await desk.bus.ask(SearchLinks(workspace=desk.workspace, mode=desk.mode))
    assert {link.id: link.title for link in page.links} == {first.id: "New", second.id: "Old", third.id: "New"}


async def test_many_go_at_once_and_each_is_told(desk: Desk, ear: Ear) -> None:
    links = [await desk.create() for _ in range(5)]
    ids = tuple(link.id for link in links)
    outcomes = await desk.bus.ask(DeleteLinks(workspace=desk.workspace, mode=desk.mode, ids=ids))
    assert [item.link for item in outcomes.items] == links
    assert await total(desk) == 0
    for link in links:
        assert (await ear.until(link.id, 2))[1] == LinkDeleted(link=link)


async def test_all_or_nothing_keeps_what_stood_when_one_is_not_there(desk: Desk) -> None:
    link = await desk.create()
    outcomes = await desk.bus.ask(DeleteLinks(workspace=desk.workspace, mode=desk.mode, ids=(link.id, new_id())))
    assert (outcomes.done, results(outcomes)) == (False, [Result.UNDONE, Result.REFUSED])
    assert await total(desk) == 1


@pytest.mark.parametrize(
    ("on_conflict", "result"),
    [(OnConflict.SKIP, Result.SKIPPED), (OnConflict.FAIL, Result.REFUSED), (OnConflict.RENAME, Result.CREATED)],
)
async def test_an_import_does_with_taken_short_codes_as_told(
    desk: Desk, on_conflict: OnConflict, result: Result
) -> None:
    taken = await desk.create()
    new = (NewLink(destination_url=FINE, slug=taken.slug, title="Came later"), NewLink(destination_url=FINE))
    ask = ImportLinks(workspace=desk.workspace, mode=desk.mode, links=new, on_conflict=on_conflict)
    outcomes = await desk.bus.ask(ask)
    assert results(outcomes) == [result, Result.CREATED]
    if on_conflict is OnConflict.RENAME:
        assert outcomes.items[0].link
        assert outcomes.items[0].link.title == "Came later"
        assert outcomes.items[0].link.slug != taken.slug


async def test_too_many_too_few_and_the_same_twice_are_refused(desk: Desk) -> None:
    link = await desk.create()
    secret = NewLink(destination_url=FINE, password="open sesame")
    for links, field in (
        ((), "links"),
        ((NewLink(destination_url=FINE),) * 101, "links"),
        ((secret,) * 11, "password"),
    ):
        with pytest.raises(Fault) as refusal:
            await create(desk, *links)
        assert (refusal.value.code, refusal.value.details[0]["field"]) == (Code.INVALID, field)
    with pytest.raises(Fault) as twice:
        await desk.bus.ask(DeleteLinks(workspace=desk.workspace, mode=desk.mode, ids=(link.id, link.id)))
    assert (twice.value.code, twice.value.details[0]["field"]) == (Code.INVALID, "ids")


async def test_a_dry_run_says_what_would_become_of_each_link_and_keeps_nothing(desk: Desk) -> None:
    taken = await desk.create()
    new = (
        NewLink(destination_url=FINE, slug="dry-and-fine"),
        NewLink(destination_url=FINE, slug=taken.slug),
        NewLink(destination_url=FINE, slug="dry-and-fine"),
        NewLink(destination_url="ftp://example.com"),
    )
    ask = ImportLinks(workspace=desk.workspace, mode=desk.mode, links=new, on_conflict=OnConflict.SKIP, dry_run=True)
    for _ in range(2):
        outcomes = await desk.bus.ask(ask)
        assert not outcomes.done
        assert results(outcomes) == [Result.CREATED, Result.SKIPPED, Result.SKIPPED, Result.REFUSED]
        assert await total(desk) == 1


async def test_five_hundred_links_go_into_one_import_and_no_more(desk: Desk) -> None:
    new = tuple(NewLink(destination_url=f"{FINE}/{n}") for n in range(501))
    with pytest.raises(Fault, match="Between 1 and 500"):
        await desk.bus.ask(ImportLinks(workspace=desk.workspace, mode=desk.mode, links=new))
    await desk.bus.ask(ImportLinks(workspace=desk.workspace, mode=desk.mode, links=new[1:]), timeout=20)
    assert await total(desk) == 500
