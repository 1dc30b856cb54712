"""What is special about links when a write is repeated: times that pass, and many links at once."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from shared import ids
from shared.contracts.bulk import Atomicity, Result
from shared.contracts.link_fields import NewLink
from shared.contracts.links import CreateLink, CreateLinks, DeleteLink, ListLinks
from shared.contracts.modes import Mode
from shared.faults import Code, Fault
from tests.once import insist, once
from tests.services.links.conftest import Desk
from tests.shared.waiting import fault_of


async def total(desk: Desk) -> int:
    return (await desk.bus.ask(ListLinks(workspace=desk.workspace, mode=desk.mode))).total


async def test_what_was_possible_then_is_answered_alike_when_it_is_no_longer(desk: Desk) -> None:
    # As soon as it is asked in time.
    for seconds in (1, 5, 15):
        ends_at = datetime.now(UTC) + timedelta(seconds=seconds)
        question = CreateLink(
            workspace=desk.workspace, mode=Mode.LIVE, destination_url="https://example.com", expires_at=ends_at
        )
        with contextlib.suppress(Fault):
            first = await desk.bus.ask_once(question, once("abc", workspace=desk.workspace))
            break
    await asyncio.sleep((ends_at - datetime.now(UTC)).total_seconds())
    assert (await fault_of(desk.bus.ask(question)))[0].code is Code.IMPOSSIBLE
    assert (await desk.bus.ask_once(question, once("abc", workspace=desk.workspace))).answer == first.answer


async def test_many_links_at_once_are_made_once(desk: Desk) -> None:
    question = CreateLinks(
        workspace=desk.workspace,
        mode=Mode.LIVE,
        links=tuple(NewLink(destination_url=f"https://example.com/{number}") for number in range(100)),
    )
    mine = once("abc", workspace=desk.workspace)
    answers = await asyncio.gather(*(insist(desk.bus, question, mine) for _ in range(5)))
    assert len({answer.answer.items[99].link.id for answer in answers if answer.answer.items[99].link}) == 1
    assert await total(desk) == 100


async def test_all_or_nothing_that_came_to_nothing_is_tried_again(desk: Desk) -> None:
    slug = f"s{ids.new()}"
    obstacle = await desk.create(slug=slug)
    question = CreateLinks(
        workspace=desk.workspace,
        mode=Mode.LIVE,
        links=(NewLink(destination_url="https://example.com"), NewLink(destination_url="https://e.com", slug=slug)),
        atomicity=Atomicity.ALL,
    )
    mine = once("abc", workspace=desk.workspace)
    for _ in range(2):
        done = await desk.bus.ask_once(question, mine)
        assert (done.answer.done, done.first_asked) == (False, None)
    await desk.bus.ask(DeleteLink(workspace=desk.workspace, mode=desk.mode, id=obstacle.id))
    assert (await desk.bus.ask_once(question, mine)).answer.done
    again = await desk.bus.ask_once(question, mine)
    assert [item.result for item in again.answer.items] == [Result.CREATED] * 2
    assert again.first_asked == mine.asked_at
