"""Deliveries as their owner sees them: listed, read, sent once more."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import ids
from shared.contracts.ask import Ask
from shared.contracts.links import LinkCreated, LinkDeleted
from shared.contracts.modes import Mode
from shared.contracts.webhooks import (
    DeleteEndpoint,
    Delivery,
    GetDelivery,
    GetEndpoint,
    ListDeliveries,
    RecoverFailed,
    Redeliver,
    RotateSecret,
    SendTest,
    State,
    Topic,
    UpdateEndpoint,
)
from shared.faults import Code, Fault
from tests.once import once
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.mailbox import Mailbox, register, tell
from tests.services.webhooks.receiver import receiving
from tests.services.webhooks.test_intake import link
from tests.shared.waiting import until
from tests.world import World


async def filled(world: World, number: int) -> Mailbox:
    workspace = ids.new()
    mailbox = await register(world, workspace)
    for each in range(number):
        fact = (LinkCreated, LinkDeleted)[each % 2](link=link(workspace, title=str(each)))
        await tell(world, fact)
        await mailbox.until(each + 1)
    return mailbox


async def listed(world: World, mailbox: Mailbox, **given: Any) -> tuple[list[str], int]:
    endpoint = mailbox.endpoint
    ask = ListDeliveries(workspace=endpoint.workspace, mode=endpoint.mode, endpoint=endpoint.id, **given)
    page = await world.bus.ask(ask)
    return [delivery.id for delivery in page.deliveries], page.total


async def become(world: World, mailbox: Mailbox, delivery: Delivery, state: State) -> None:
    """As if it had been sent, or not."""
    owner = await world.connect()
    async with owner.transaction():
        await owner.execute(
            """
            update webhooks.deliveries
            set state = $3, attempts = 10, tries = 10, next_at = null, claimed_until = null
            where endpoint = $1 and id = $2
            """,
            mailbox.endpoint.id,
            delivery.id,
            state,
        )
        await owner.execute(
            """
            update webhooks.endpoint_states
            set waiting = waiting - 1, kept = kept + ($2 = 'dropped')::int where endpoint = $1
            """,
            mailbox.endpoint.id,
            state,
        )
    await owner.close()


async def test_deliveries_are_found_by_state_topic_and_time_newest_first_in_pages(world: World) -> None:
    mailbox = await filled(world, 6)
    deliveries = await mailbox.deliveries()
    newest = [delivery.id for delivery in reversed(deliveries)]
    await become(world, mailbox, deliveries[0], State.FAILED)
    await become(world, mailbox, deliveries[1], State.DROPPED)
    await become(world, mailbox, deliveries[2], State.DELIVERED)
    assert await listed(world, mailbox) == (newest, 6)
    assert await listed(world, mailbox, limit=2, offset=1) == (newest[1:3], 6)
    assert await listed(world, mailbox, offset=6) == ([], 6)
    assert await listed(world, mailbox, state=State.FAILED) == ([deliveries[0].id], 1)
    assert await listed(world, mailbox, state=State.DROPPED) == ([deliveries[1].id], 1)
    assert await listed(world, mailbox, state=State.DELIVERED) == ([deliveries[2].id], 1)
    assert await listed(world, mailbox, state=State.PENDING) == (newest[:3], 3)
    assert await listed(world, mailbox, state=State.FAILED, topic=Topic.LINK_DELETED) == ([], 0)
    assert await listed(world, mailbox, topic=Topic.LINK_CREATED) == (newest[1::2], 3)
    since = deliveries[3].created_at
    assert await listed(world, mailbox, since=since) == (newest[:3], 3)
    assert await listed(world, mailbox, until=since) == (newest[3:], 3)
    assert await listed(world, mailbox, since=since, until=deliveries[4].created_at) == ([deliveries[3].id], 1)
    assert await listed(world, mailbox, since=since + timedelta(microseconds=1)) == (newest[:2], 2)
    for wrong in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"offset": 10_001}):
        with pytest.raises(Fault) as refused:
            await listed(world, mailbox, **wrong)
        assert refused.value.code is Code.INVALID


async def test_a_delivery_is_shown_with_its_body_and_the_last_of_its_attempts(world: World) -> None:
    mailbox = await filled(world, 1)
    (delivery,) = await mailbox.deliveries()
    await become(world, mailbox, delivery, State.FAILED)
    owner = await world.connect()
    await owner.execute("delete from webhooks.attempts where delivery = $1", delivery.id)
    await owner.execute(
        """
        insert into webhooks.attempts (endpoint, delivery, number, at, took_ms, status, reply)
        select $1, $2, number, now(), 12, 500, '\\xff4f4b' from generate_series(1, 60) as number
        """,
        mailbox.endpoint.id,
        delivery.id,
    )
    await owner.close()
    ask = GetDelivery(
        workspace=mailbox.endpoint.workspace, mode=Mode.LIVE, endpoint=mailbox.endpoint.id, id=delivery.id
    )
    details = await world.bus.ask(ask)
    assert [attempt.number for attempt in details.attempts] == list(range(11, 61))
    assert {(attempt.status, attempt.took_ms, attempt.reply) for attempt in details.attempts} == {(500, 12, "\ufffdOK")}
    assert (details.delivery.state, details.delivery.attempts, details.delivery.next_at) == (State.FAILED, 10, None)


@pytest.mark.parametrize("state", [State.FAILED, State.DROPPED, State.DELIVERED])
async def test_what_has_come_to_its_end_is_sent_once_more_under_its_id(world: World, state: State) -> None:
    mailbox = await filled(world, 1)
    (before,) = await mailbox.deliveries()
    await become(world, mailbox, before, state)
    ask = Redeliver(workspace=mailbox.endpoint.workspace, mode=Mode.LIVE, endpoint=mailbox.endpoint.id, id=before.id)
    answers = await asyncio.gather(*(world.bus.ask(ask) for _ in range(10)), return_exceptions=True)
    (again,) = [answer for answer in answers if isinstance(answer, Delivery)]
    assert [fault.code for fault in answers if isinstance(fault, Fault)] == [Code.IMPOSSIBLE] * 9
    assert (again.id, again.event, again.state) == (before.id, before.event, State.PENDING)
    assert again.next_at
    assert again.next_at <= datetime.now(UTC)
    assert (await mailbox.now()).waiting == 1


async def test_what_failed_or_was_dropped_since_a_time_is_recovered_oldest_first(world: World) -> None:
    mailbox = await filled(world, 5)
    deliveries = await mailbox.deliveries()
    states = (State.FAILED, State.FAILED, State.DROPPED, State.DELIVERED, State.FAILED)
    for delivery, state in zip(deliveries, states, strict=True):
        await become(world, mailbox, delivery, state)
    ask = RecoverFailed(
        workspace=mailbox.endpoint.workspace,
        mode=Mode.LIVE,
        endpoint=mailbox.endpoint.id,
        since=deliveries[1].created_at,
    )
    assert (await world.bus.ask(ask)).deliveries == 3
    assert (await world.bus.ask(ask)).deliveries == 0
    pending = [delivery.id for delivery in await mailbox.deliveries() if delivery.state is State.PENDING]
    assert pending == [deliveries[1].id, deliveries[2].id, deliveries[4].id]
    assert (await mailbox.now()).waiting == 3
    owner = await world.connect()
    kept = "select kept from webhooks.endpoint_states where endpoint = $1"
    assert await owner.fetchval(kept, mailbox.endpoint.id) == 0
    await owner.close()


async def test_what_is_made_due_by_its_owner_is_sent_without_waiting_for_the_next_look(
    world: World, copies: Copies
) -> None:
    async with receiving() as receiver, copies(webhook_poll_seconds=3_600):
        endpoint = (await register(world, ids.new(), url=receiver.url)).endpoint
        which: Any = {"workspace": endpoint.workspace, "mode": Mode.LIVE}
        sent = await world.bus.ask(SendTest(id=endpoint.id, **which))
        await until(lambda: len(receiver.received) == 1)
        again = once(ids.new(), workspace=endpoint.workspace)
        done = await world.bus.ask_once(SendTest(id=endpoint.id, **which), again)
        await until(lambda: len(receiver.received) == 2)
        # What has arrived is not written down yet.
        await until(lambda: delivered(world, GetDelivery(endpoint=endpoint.id, id=sent.id, **which)))
        await world.bus.ask(Redeliver(endpoint=endpoint.id, id=sent.id, **which))
        await until(lambda: len(receiver.received) == 3)
        assert receiver.ids == [f"msg_{each}" for each in (sent.id, done.answer.id, sent.id)]


async def delivered(world: World, ask: GetDelivery) -> bool:
    return (await world.bus.ask(ask)).delivery.state is State.DELIVERED


async def test_no_more_is_recovered_than_may_wait(world: World) -> None:
    mailbox = await filled(world, 1)
    endpoint = mailbox.endpoint
    most = world.settings().webhook_waiting_most
    owner = await world.connect()
    await owner.execute(
        """
        insert into webhooks.deliveries (endpoint, id, event, topic, body, state, created_at)
        select $1, $2 || lpad(n::text, 6, '0'), n::text, 'link.created', '{}', 'failed', now()
        from generate_series(1, $3::int) as n
        """,
        endpoint.id,
        ids.new()[:16],
        most,
    )
    await owner.close()
    since = datetime.now(UTC) - timedelta(hours=1)
    ask = RecoverFailed(workspace=endpoint.workspace, mode=Mode.LIVE, endpoint=endpoint.id, since=since)
    assert (await world.bus.ask(ask, timeout=20)).deliveries == most - 1
    assert (await mailbox.now()).waiting == most
    assert (await listed(world, mailbox, limit=1))[1] == 10_000
    await world.bus.ask(DeleteEndpoint(workspace=endpoint.workspace, mode=Mode.LIVE, id=endpoint.id))


QUESTIONS: dict[str, Callable[[str, Mode, str, str], Ask[Any]]] = {
    "GetEndpoint": lambda workspace, mode, endpoint, _: GetEndpoint(workspace=workspace, mode=mode, id=endpoint),
    "UpdateEndpoint": lambda workspace, mode, endpoint, _: UpdateEndpoint(
        workspace=workspace, mode=mode, id=endpoint, batch=True
    ),
    "DeleteEndpoint": lambda workspace, mode, endpoint, _: DeleteEndpoint(workspace=workspace, mode=mode, id=endpoint),
    "RotateSecret": lambda workspace, mode, endpoint, _: RotateSecret(workspace=workspace, mode=mode, id=endpoint),
    "SendTest": lambda workspace, mode, endpoint, _: SendTest(workspace=workspace, mode=mode, id=endpoint),
    "ListDeliveries": lambda workspace, mode, endpoint, _: ListDeliveries(
        workspace=workspace, mode=mode, endpoint=endpoint
    ),
    "GetDelivery": lambda workspace, mode, endpoint, delivery: GetDelivery(
        workspace=workspace, mode=mode, endpoint=endpoint, id=delivery
    ),
    "Redeliver": lambda workspace, mode, endpoint, delivery: Redeliver(
        workspace=workspace, mode=mode, endpoint=endpoint, id=delivery
    ),
    "RecoverFailed": lambda workspace, mode, endpoint, _: RecoverFailed(
        workspace=workspace, mode=mode, endpoint=endpoint, since=datetime.now(UTC) - timedelta(days=1)
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_of_a_foreign_workspace_and_of_the_other_mode_nothing_can_be_asked(world: World, question: str) -> None:
    mailbox = await filled(world, 1)
    (delivery,) = await mailbox.deliveries()
    workspace, endpoint = mailbox.endpoint.workspace, mailbox.endpoint.id
    neighbour = await register(world, ids.new())
    attempts = [
        (neighbour.endpoint.workspace, Mode.LIVE, endpoint, delivery.id),
        (workspace, Mode.TEST, endpoint, delivery.id),
        (workspace, Mode.LIVE, ids.new(), delivery.id),
        (workspace, Mode.LIVE, "no id\0", delivery.id),
    ]
    if question in ("GetDelivery", "Redeliver"):
        attempts += [
            (neighbour.endpoint.workspace, Mode.LIVE, neighbour.endpoint.id, delivery.id),
            (workspace, Mode.LIVE, endpoint, ids.new()),
            (workspace, Mode.LIVE, endpoint, "no id\0"),
        ]
    for attempt in attempts:
        with pytest.raises(Fault) as refused:
            await world.bus.ask(QUESTIONS[question](*attempt))
        assert refused.value.code is Code.NOT_FOUND, attempt
    assert (await mailbox.now()).updated_at == mailbox.endpoint.updated_at
    assert len(await mailbox.deliveries()) == 1
