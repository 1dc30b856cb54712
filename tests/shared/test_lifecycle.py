"""A service process from its start to its end."""

import asyncio
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator

import pytest

from shared.bus import Bus
from shared.contracts.accounts import CreateUser
from shared.faults import Code
from tests.client import within
from tests.shared.nats_server import NatsServer
from tests.shared.shelf import AddBook, Nap
from tests.shared.stage import Stage, at_work, books_told, until_answered
from tests.shared.waiting import fault_of, until
from tests.world import Process


@pytest.fixture
async def accounts(stage: Stage, stage_bus: Bus) -> AsyncIterator[Process]:
    process = stage.world.service("accounts")
    await process.start()
    await until_answered(stage_bus, "accounts")
    yield process
    await process.stop()


def users(many: int) -> list[CreateUser]:
    return [
        CreateUser(username=f"user-{n}", email=f"user-{n}@example.com", password=secrets.token_hex(8))
        for n in range(many)
    ]


async def test_what_is_asked_of_a_hung_service_times_out_and_is_not_done_later(
    stage: Stage, stage_bus: Bus, accounts: Process
) -> None:
    accounts.signal(signal.SIGSTOP)

    async def attempt(_: int) -> float:
        faults = await asyncio.gather(*(fault_of(stage_bus.ask(each, timeout=1)) for each in users(200)))
        assert {fault.code for fault, _ in faults} == {Code.TIMEOUT}
        assert min(seconds for _, seconds in faults) > 0.7
        return max(seconds for _, seconds in faults)

    await within(1.3, attempt)
    accounts.signal(signal.SIGCONT)
    asked = CreateUser(username="afterwards", email="afterwards@example.com", password=secrets.token_hex(8))
    assert (await stage_bus.ask(asked)).user.username == "afterwards"
    async with stage.owner() as owner:
        assert await owner.fetchval("select array_agg(username) from accounts.users") == ["afterwards"]


async def test_sigterm_with_50_questions_in_flight_answers_them_all(
    stage: Stage, stage_bus: Bus, accounts: Process
) -> None:
    asked = [asyncio.create_task(stage_bus.ask(each, timeout=10)) for each in users(50)]
    async with stage.owner() as owner:
        await until(lambda: owner.fetchval("select count(*) from accounts.users"))
    began = time.monotonic()
    assert await accounts.stop() == 0
    assert time.monotonic() - began < 10
    names = {(await each).user.username for each in asked}
    assert len(names) == 50

    async def attempt(_: int) -> float:
        fault, seconds = await fault_of(stage_bus.ask(users(1)[0]))
        assert fault.code is Code.UNAVAILABLE
        return seconds

    await within(0.5, attempt)


async def test_a_rolling_restart_of_two_copies_refuses_nobody(stage: Stage, stage_bus: Bus) -> None:
    copies = [stage.shelf(f"rolling-{n}") for n in (1, 2)]
    for copy in copies:
        await copy.start()
    await until_answered(stage_bus, "shelf", copies=2)
    done = asyncio.Event()

    async def keep_asking(name: str) -> int:
        asked = 0
        while not done.is_set():
            asked += 1
            assert await stage_bus.ask(AddBook(shelf=name)) == asked
            await asyncio.sleep(0.005)
        return asked

    asking = [asyncio.create_task(keep_asking(f"rolling {n}")) for n in range(8)]
    for copy in copies:
        assert await copy.stop() == 0
        await copy.start()
        await until_answered(stage_bus, "shelf", copies=2)
    done.set()
    assert sum(await asyncio.gather(*asking)) > 100
    for copy in copies:
        assert await copy.stop() == 0


async def test_everything_told_before_the_end_is_published_before_the_end(
    stage: Stage, stage_bus: Bus, shelf: Process
) -> None:
    asked = [asyncio.create_task(stage_bus.ask(AddBook(shelf=f"{n}", hold_seconds=2))) for n in range(8)]
    await until(lambda: at_work(stage, 8))
    assert await shelf.stop() == 0
    assert await asyncio.gather(*asked) == [1] * 8
    assert len(await books_told(stage_bus)) == 8


async def said(process: Process, words: str) -> None:
    """Waits until the process has logged it."""
    await until(lambda: words in process.said)


async def ended(process: Process) -> int:
    """SIGTERM, without the kindness of a second try."""
    process.signal(signal.SIGTERM)
    assert process._process
    return await asyncio.wait_for(process._process.wait(), 15)


async def test_a_service_that_waits_for_nats_ends_when_asked_to(stage: Stage, nats_server: NatsServer) -> None:
    nats_server.kill()
    process = stage.shelf("early", nats_url=nats_server.url)
    await process.start()
    await said(process, "Waiting for NATS")
    assert await ended(process) == 0


async def test_a_service_that_waits_for_its_database_ends_when_asked_to(stage: Stage, stage_bus: Bus) -> None:
    await stage.kill("postgres")
    process = stage.shelf("without-postgres")
    await process.start()
    await said(process, "Waiting for PostgreSQL")
    assert await ended(process) == 0
    await stage.restart("postgres")


async def test_a_service_waits_for_its_role_and_its_schema(stage: Stage, stage_bus: Bus) -> None:
    password = secrets.token_hex(8)
    process = stage.shelf("unmigrated", database_url=stage.shelf_url.replace(stage.shelf_password, password))
    await process.start()
    await said(process, "Waiting for PostgreSQL")
    async with stage.owner() as owner:
        await owner.execute(f"alter role waypost_shelf password '{password}'")
    await until_answered(stage_bus, "shelf")
    async with stage.owner() as owner:
        await owner.execute(f"alter role waypost_shelf password '{stage.shelf_password}'")
    assert await ended(process) == 0


async def test_a_service_starts_before_everything_else(stage: Stage, stage_bus: Bus) -> None:
    await stage.kill("postgres")
    await stage.kill("nats")
    process = stage.shelf("first")
    await process.start()
    await said(process, "Waiting for NATS")
    await stage.restart("nats")
    await said(process, "Waiting for PostgreSQL")
    await stage.restart("postgres")
    await until_answered(stage_bus, "shelf")
    assert await stage_bus.ask(AddBook(shelf="first")) == 1
    assert await ended(process) == 0


async def test_a_service_stops_cleanly_while_nats_is_away(stage: Stage, stage_bus: Bus, shelf: Process) -> None:
    await stage.kill("nats")
    await said(shelf, "The connection to NATS is lost")
    assert await ended(shelf) == 0


async def test_a_service_without_a_database_says_which_setting_is_missing(stage: Stage) -> None:
    process = stage.shelf("unset", database_url="")
    await process.start()
    assert process._process
    assert await process._process.wait() == 1
    assert "WAYPOST_DATABASE_URL" in process.said


async def test_logs_are_json_lines_with_the_request_and_without_a_secret(stage: Stage, stage_bus: Bus) -> None:
    process = stage.shelf("logging", log_level="debug")
    await process.start()
    await until_answered(stage_bus, "shelf")
    await stage.kill("postgres")
    fault, _ = await fault_of(stage_bus.ask(Nap(seconds=0)))
    assert fault.code is Code.UNAVAILABLE
    await stage.restart("postgres")
    await stage.kill("nats")
    await said(process, "The connection to NATS is lost")
    await stage.restart("nats")
    await said(process, "NATS is reached again")
    assert await process.stop() == 0
    text = process.said
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "process", "logger", "message"} <= line.keys() for line in lines)
    assert {line["process"] for line in lines} == {"logging"}
    assert any(len(line.get("request", "")) == 22 for line in lines if "out of reach" in line["message"])
    for url in (stage.servers.nats_url, stage.servers.owner_url, stage.servers.redis_url, stage.shelf_url):
        assert url.rpartition("@")[0].rpartition(":")[2] not in text
