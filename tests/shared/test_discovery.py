"""The services as the standard NATS service tooling sees them."""

import json
from datetime import UTC, datetime
from typing import Any

from nats.micro.service import NAME_REGEX, SEMVER_REGEX, ServiceInfo, ServicePing, ServiceStats

from shared.bus import Bus
from shared.settings import Settings
from tests.shared.conftest import Begin
from tests.shared.echo import Echo, Refuse, Slow
from tests.shared.waiting import fault_of


async def told(bus: Bus, subject: str) -> dict[str, Any]:
    reply = await bus._client.request(subject, timeout=10)
    said: dict[str, Any] = json.loads(reply.data)
    return said


async def test_a_copy_is_found_by_all_by_its_name_and_by_its_id(bus: Bus, echo: Echo) -> None:
    ping = ServicePing.from_dict(await told(bus, "$SRV.PING.echo"))
    assert NAME_REGEX.match(ping.name)
    assert SEMVER_REGEX.match(ping.version)
    for verb in ("PING", "INFO", "STATS"):
        answers = [await told(bus, f"$SRV.{verb}{scope}") for scope in (".echo", f".echo.{ping.id}")]
        assert {answer["type"] for answer in answers} == {f"io.nats.micro.v1.{verb.lower()}_response"}
        assert {(answer["name"], answer["id"]) for answer in answers} == {("echo", ping.id)}


async def test_every_copy_answers_for_itself(bus: Bus, begin: Begin) -> None:
    async with begin("one") as (_, first), begin("two") as (_, second):
        inbox = bus._client.new_inbox()
        replies = await bus._client.subscribe(inbox)
        await bus._client.publish("$SRV.PING.echo", reply=inbox)
        pings = [ServicePing.from_dict(json.loads((await replies.next_msg(timeout=10)).data)) for _ in range(2)]
        await replies.unsubscribe()
        assert len({ping.id for ping in pings}) == 2
        await first.stop()
        await second.stop()


async def test_the_info_lists_every_question_with_its_subject(bus: Bus, echo: Echo) -> None:
    info = ServiceInfo.from_dict(await told(bus, "$SRV.INFO.echo"))
    assert len(info.endpoints) == len(echo.answerers)
    [slow] = [endpoint for endpoint in info.endpoints if endpoint.name == "slow"]
    assert (slow.subject, slow.queue_group) == ("echo.slow", "echo")
    assert all(NAME_REGEX.match(endpoint.name) for endpoint in info.endpoints)


async def test_the_stats_count_questions_errors_and_time(bus: Bus, echo: Echo, settings: Settings) -> None:
    for _ in range(3):
        await bus.ask(Slow(seconds=0.02))
    for _ in range(2):
        await fault_of(bus.ask(Refuse(message="no more")))
    stats = ServiceStats.from_dict(await told(bus, "$SRV.STATS.echo"))
    assert abs((datetime.now(UTC) - stats.started.replace(tzinfo=UTC)).total_seconds()) < 60
    by_name = {endpoint.name: endpoint for endpoint in stats.endpoints}
    slow, refuse = by_name["slow"], by_name["refuse"]
    assert (slow.num_requests, slow.num_errors, slow.last_error) == (3, 0, "")
    assert (refuse.num_requests, refuse.num_errors, refuse.last_error) == (2, 2, "no more")
    assert 60_000_000 <= slow.processing_time < 20_000_000_000
    assert slow.average_processing_time == slow.processing_time // 3
