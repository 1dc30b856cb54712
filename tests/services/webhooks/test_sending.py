"""What a delivery goes through, with receivers that behave as receivers do."""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import standardwebhooks

from services.webhooks import schedule
from shared.contracts.webhooks import EndpointDisabled, Header
from tests.client import within
from tests.services.keys.told import told
from tests.services.webhooks import receiver as receivers
from tests.services.webhooks.conftest import Copies
from tests.services.webhooks.desk import Desk
from tests.services.webhooks.receiver import always, fails, receiving
from tests.shared.waiting import until
from tests.world import World

# The whole schedule, which takes three days and nine hours, in about three seconds.
DAYS_IN_SECONDS = 100_000
# For those who give no answer; the others have all the time they need, and so has writing down what has become of it.
SHORT: dict[str, object] = {"webhook_timeout_seconds": 2}


async def test_what_is_due_arrives_once_with_the_headers_of_its_endpoint(copies: Copies, desk: Desk) -> None:
    async with receiving() as receiver, copies():
        endpoint = await desk.register(receiver.url, Header(name="X-Token", value="open sesame"))
        committed = await desk.deliver(endpoint.id, 100)
        await until(lambda: desk.settled(endpoint.id))
    assert Counter(receiver.ids) == Counter(committed)
    for received in receiver.received:
        standardwebhooks.Webhook(endpoint.secret).verify(received.body, received.headers)
        assert received.headers["x-webhook-id"] == received.id
        assert received.headers["x-token"] == "open sesame"
        assert received.headers["content-type"] == "application/json"
    assert await desk.states(endpoint.id) == {"delivered": 100}
    standing = await desk.standing(endpoint.id)
    assert (standing["waiting"], standing["failures"], standing["due_at"]) == (0, 0, None)
    (attempt,) = await desk.attempts(committed[0])
    assert (attempt["number"], attempt["status"], attempt["error"], attempt["reply"]) == (1, 200, None, b"thanks")


async def test_it_is_tried_again_by_the_schedule_until_it_is_taken(copies: Copies, desk: Desk) -> None:
    async with receiving(fails(3)) as receiver, copies(time_scale=3_600):

        async def later_than_planned(_: int) -> float:
            """By how many seconds, at most."""
            receiver.received.clear()
            endpoint = await desk.register(receiver.url)
            (message,) = await desk.deliver(endpoint.id)
            await until(lambda: desk.settled(endpoint.id))
            assert receiver.ids == [message] * 4
            signatures = {received.headers["webhook-signature"] for received in receiver.received}
            timestamps = {received.headers["webhook-timestamp"] for received in receiver.received}
            assert len(signatures) == len(timestamps)
            for received in receiver.received:
                standardwebhooks.Webhook(endpoint.secret).verify(received.body, received.headers)
            attempts = await desk.attempts(message)
            assert [attempt["status"] for attempt in attempts] == [500, 500, 500, 200]
            assert (await desk.standing(endpoint.id))["failures"] == 0
            late: list[float] = []
            for earlier, later, seconds in zip(attempts, attempts[1:], schedule.PAUSES[1:], strict=False):
                pause = (later["at"] - earlier["at"]).total_seconds()
                assert pause >= 0.8 * seconds / 3_600
                late.append(pause - 1.2 * seconds / 3_600)
            return max(late)

        # The copy looks four times a second, and the machine may be busy.
        await within(0.75, later_than_planned)


async def test_after_ten_attempts_it_has_failed(copies: Copies, desk: Desk) -> None:
    async with receiving(always(503, b"not today")) as receiver, copies(time_scale=DAYS_IN_SECONDS):
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await until(lambda: desk.settled(endpoint.id))
        await asyncio.sleep(1)
    assert receiver.ids == [message] * len(schedule.PAUSES) == [message] * 10
    assert await desk.states(endpoint.id) == {"failed": 1}
    standing = await desk.standing(endpoint.id)
    assert (standing["waiting"], standing["failures"], standing["enabled"]) == (0, 10, True)


async def test_2xx_is_a_success_and_everything_else_a_failure_that_nobody_is_sent_on_from(
    copies: Copies, desk: Desk
) -> None:
    # Ten times as slow as otherwise, so that none is tried again before it has been looked at.
    slow = copies(time_scale=0.1)
    async with receiving() as canary, receiving(receivers.by_path(Location=canary.url)) as receiver, slow:
        good = {status: await desk.register(receiver.at(status)) for status in (200, 201, 202, 204, 299)}
        bad = {status: await desk.register(receiver.at(status)) for status in (300, 301, 304, 307, 400, 404, 422, 500)}
        for endpoint in (*good.values(), *bad.values()):
            await desk.deliver(endpoint.id)
        for endpoint in good.values():
            await until(lambda endpoint=endpoint: desk.settled(endpoint.id))  # type: ignore[misc]
            assert await desk.states(endpoint.id) == {"delivered": 1}
        for endpoint in bad.values():
            await until(lambda endpoint=endpoint: desk.failed(endpoint.id))  # type: ignore[misc]
            assert await desk.states(endpoint.id) == {"pending": 1}
            standing = await desk.standing(endpoint.id)
            assert standing["failures"] == 1
            assert 40 <= (standing["due_at"] - standing["last_failure_at"]).total_seconds() <= 60
        assert canary.connections == 0


async def test_whoever_gives_no_answer_has_failed(copies: Copies, desk: Desk) -> None:
    for script, error in (
        (receivers.hangs, "No answer within 2 s"),
        (receivers.drips, "No answer within 2 s"),
        (receivers.resets, "The connection was closed before there was an answer"),
        (receivers.nonsense, "The answer is no valid HTTP"),
    ):
        async with receiving(script) as receiver, copies(1, **(SHORT if error.startswith("No answer") else {})):
            endpoint = await desk.register(receiver.url)
            (message,) = await desk.deliver(endpoint.id)
            await until(lambda message=message: desk.attempts(message))  # type: ignore[misc]
            attempt, *_ = await desk.attempts(message)
        assert (attempt["status"], attempt["error"], attempt["reply"]) == (None, error, b"")
        assert attempt["took_ms"] < 10_000


async def test_of_a_long_answer_the_beginning_is_read_and_less_is_kept(copies: Copies, desk: Desk) -> None:
    flood = receivers.Flood()
    async with receiving(flood) as receiver, copies():
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await until(lambda: desk.settled(endpoint.id))
    (attempt,) = await desk.attempts(message)
    assert (attempt["status"], attempt["reply"]) == (200, b"x" * 4_096)
    # What the buffers of two sockets hold comes on top of the 64 KiB.
    assert flood.written < receivers.FLOOD_BYTES / 2


async def test_a_success_stays_one_when_the_end_of_the_answer_never_comes(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.stops_in_the_body) as receiver, copies(1, **SHORT):
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await until(lambda: desk.settled(endpoint.id))
        await asyncio.sleep(1)
    assert receiver.ids == [message]
    (attempt,) = await desk.attempts(message)
    assert (attempt["status"], attempt["reply"]) == (200, b"begin")


async def test_410_disables_the_endpoint_at_once_and_what_waits_stays(copies: Copies, desk: Desk, world: World) -> None:
    async with receiving(always(410)) as receiver, copies(time_scale=DAYS_IN_SECONDS):
        endpoint = await desk.register(receiver.url)
        await desk.deliver(endpoint.id, 20)
        await until(lambda: desk.disabled(endpoint.id))
        facts = [fact.endpoint for fact in await told(world, EndpointDisabled) if fact.endpoint.id == endpoint.id]
        assert [(fact.enabled, fact.reason) for fact in facts] == [(False, "gone")]
        # Those that were sent with the one that disabled it may arrive after that.
        await until(lambda: desk.idle(endpoint.id))
        sent = len(receiver.received)
        assert sent <= 8
        await asyncio.sleep(1)
        assert len(receiver.received) == sent
        assert await desk.states(endpoint.id) == {"pending": 20}
        receiver.script = receivers.ok
        await desk.enable(endpoint.id)
        await until(lambda: desk.settled(endpoint.id))
    assert await desk.states(endpoint.id) == {"delivered": 20}


async def test_whoever_fails_for_five_days_is_disabled_after_twenty_failures(copies: Copies, desk: Desk) -> None:
    async with receiving(always(500)) as receiver, copies(time_scale=DAYS_IN_SECONDS):
        few = await desk.register(receiver.url)
        many = await desk.register(receiver.url)
        began = time.monotonic()
        await desk.deliver(few.id)
        while (await desk.standing(many.id))["enabled"] and time.monotonic() - began < 60:
            await desk.deliver(many.id)
            await asyncio.sleep(0.1)
        standing = await desk.standing(many.id)
        assert (standing["enabled"], standing["reason"]) == (False, "failing")
        assert standing["failures"] >= 20
        assert time.monotonic() - began >= 120 * 3_600 / DAYS_IN_SECONDS
        await until(lambda: desk.settled(few.id))
        assert (await desk.standing(few.id))["enabled"]


@pytest.mark.parametrize(("status", "form"), [(429, "seconds"), (503, "date")])
async def test_an_endpoint_that_asks_for_a_pause_gets_it(copies: Copies, desk: Desk, status: int, form: str) -> None:
    pause = 3
    asks = [True]

    async def script(_: receivers.Received, writer: asyncio.StreamWriter) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=pause + 1), usegmt=True)
        first = asks and asks.pop()
        retry_after = str(pause) if form == "seconds" else later
        writer.write(receivers.answer(status, Retry_After=retry_after) if first else receivers.answer(200))

    async with receiving(script) as receiver, copies():
        endpoint = await desk.register(receiver.url)
        await desk.deliver(endpoint.id)
        await until(lambda: receiver.received)
        await until(lambda: desk.paused(endpoint.id))
        began = receiver.received[0].at
        # The pause is the whole endpoint's: what is new waits as well.
        await desk.deliver(endpoint.id, 5)
        await receiver.until(6)
        assert (receiver.received[1].at - began).total_seconds() >= pause
        await until(lambda: desk.settled(endpoint.id))


async def test_only_four_attempts_at_an_endpoint_are_under_way_over_all_copies(copies: Copies, desk: Desk) -> None:
    async with receiving(receivers.takes(0.05)) as receiver, copies(3):
        endpoint = await desk.register(receiver.url)
        committed = await desk.deliver(endpoint.id, 200)
        await until(lambda: desk.settled(endpoint.id), 30)
    assert Counter(receiver.ids) == Counter(committed)
    assert receiver.most_under_way == 4


async def test_the_former_secret_signs_too_until_its_time_is_over(copies: Copies, desk: Desk) -> None:
    async with receiving() as receiver, copies():
        endpoint = await desk.register(receiver.url, rotated=timedelta(hours=1))
        await desk.deliver(endpoint.id)
        (received,) = await receiver.until(1)
        assert endpoint.former_secret
        for secret in (endpoint.secret, endpoint.former_secret):
            standardwebhooks.Webhook(secret).verify(received.body, received.headers)
        await desk.end_rotation(endpoint.id)
        await desk.deliver(endpoint.id)
        _, later = await receiver.until(2)
        standardwebhooks.Webhook(endpoint.secret).verify(later.body, later.headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(endpoint.former_secret).verify(later.body, later.headers)


async def test_an_endpoint_that_is_disabled_is_sent_nothing(copies: Copies, desk: Desk) -> None:
    async with receiving() as receiver, copies():
        endpoint = await desk.register(receiver.url, enabled=False)
        await desk.deliver(endpoint.id, 3)
        await asyncio.sleep(1)
        assert not receiver.received
        await desk.enable(endpoint.id)
        await receiver.until(3)


async def test_an_address_inside_is_refused_at_the_attempt(copies: Copies, desk: Desk) -> None:
    async with receiving() as receiver, copies(webhook_allow_cidrs=""):
        endpoint = await desk.register(receiver.url)
        (message,) = await desk.deliver(endpoint.id)
        await until(lambda: desk.attempts(message))
    attempt, *_ = await desk.attempts(message)
    assert attempt["error"] == "The address leads, or may lead, to a network that is not public"
    assert receiver.connections == 0
