"""The newcomer's story, from nothing to a counted click, with everything killed once in the middle of it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import pytest

from tests.client import Client, until, within
from tests.servers import open_folder
from tests.story.stack import Stack

SERVERS = ("postgres", "nats", "valkey")
NAMES = (*SERVERS, "accounts", "keys", "links", "profile", "analytics", "webhooks", "gateway-1", "gateway-2")


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    with open_folder() as folder:
        made = Stack(folder / "data")
        await made.start()
        yield made
        await made.interrupt()


@pytest.fixture
def demo(stack: Stack, session: aiohttp.ClientSession) -> Client:
    return Client(session, stack.url, stack.key, None)


async def clicks(client: Client) -> int:
    answer = await client.get("/v1/analytics?period=7d")
    count: int = answer.json["summary"]["clicks"] if answer.status == 200 else -1
    return count


async def test_a_newcomer_gets_a_key_makes_a_link_follows_it_and_reads_the_click(stack: Stack, demo: Client) -> None:
    assert stack.output[0] == f"ready {stack.url}\n"
    created = await demo.post("/v1/links", {"title": "My site", "url": "https://example.com"})
    assert created.status == 201

    async def a_click(before: int) -> float:
        visit = await demo.with_key(None).get(f"/{created.json['shortCode']}")
        assert (visit.status, visit.headers["Location"]) == (302, "https://example.com")
        _, took = await until(lambda: clicks(demo), lambda seen: seen == before + 1)
        return took

    await within(2.0, a_click)
    page = await demo.with_key(None).get("/@demo")
    assert page.status == 200
    assert b"My site" in page.body

    async def views() -> Any:
        return (await demo.get("/v1/analytics?period=7d&metric=views")).json["summary"]["views"]

    await until(views, lambda seen: seen == 1)


async def test_the_operators_command_speaks_json(stack: Stack, demo: Client) -> None:
    status = await stack.status()
    assert {process["name"] for process in status["processes"]} == set(NAMES)
    assert {process["state"] for process in status["processes"]} == {"running"}
    account = await stack.command(
        "account", "create", "--username", "grace", "--email", "grace@example.com", "--tier", "pro"
    )
    assert account["id"].startswith("usr_")
    key = await stack.command("key", "create", "--username", "grace", "--scopes", "links:read", "--style", "lzly")
    grace = demo.with_key(key["key"])
    answer = await grace.get("/v1/links")
    assert (answer.status, answer.headers["X-RateLimit-Limit"]) == (200, "5000")
    assert (await grace.get("/v1/profile")).status == 403
    assert (await stack.command("key", "revoke", "--id", key["id"]))["state"] == "revoked"
    await until(lambda: grace.get("/v1/links"), lambda seen: seen.status == 401)
    assert await stack.command("migrate") is not None


async def visit_for_ever(visitor: Client, code: str, answered: list[int]) -> None:
    """A visitor who never tires; ``answered`` grows with every 302 that has arrived."""
    while True:
        try:
            if (await visitor.get(f"/{code}")).status == 302:
                answered.append(1)
        except aiohttp.ClientError:
            # A killed gateway takes its open connections along; its colleague answers the next one.
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.005)


async def test_whatever_is_killed_comes_back_and_no_answered_click_is_lost(stack: Stack, demo: Client) -> None:
    link = await demo.new_link()
    before = await clicks(demo)
    answered: list[int] = []
    visitors = [asyncio.create_task(visit_for_ever(demo.with_key(None), link["shortCode"], answered)) for _ in range(4)]
    for name in NAMES:
        await stack.kill_one(name)
        # The story goes on: a link can be made and followed again.
        made, _ = await until(lambda: make_link(demo), lambda code: code is not None, seconds=60)
        await until(lambda code=made: follow(demo, code), lambda status: status == 302, seconds=60)  # type: ignore[misc]
    for task in visitors:
        task.cancel()
    ended = await asyncio.gather(*visitors, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in ended), ended
    assert len(answered) > 200

    async def counted() -> int:
        answer = await demo.get(f"/v1/links/{link['id']}")
        number: int = answer.json["clicks"] if answer.status == 200 else -1
        return number

    # A visitor whose answer was lost with a killed gateway may be counted; one who was answered must be. What a killed
    # copy of analytics held in its hands is delivered again after 30 s.
    seen, _ = await until(counted, lambda number: number >= len(answered), seconds=120)
    assert len(answered) <= seen <= len(answered) + 4 * len(NAMES)
    assert await clicks(demo) >= before + len(answered)


async def make_link(client: Client) -> str | None:
    try:
        answer = await client.post("/v1/links", {"title": "Goes on", "url": "https://example.com"})
    except aiohttp.ClientError:
        return None
    return answer.json["shortCode"] if answer.status == 201 else None


async def follow(client: Client, code: str) -> int:
    try:
        return (await client.with_key(None).get(f"/{code}")).status
    except aiohttp.ClientError:
        return 0


async def test_killed_as_a_whole_and_started_again_it_has_lost_nothing(stack: Stack, demo: Client) -> None:
    total = (await demo.get("/v1/links")).json["total"]
    link = await demo.new_link()
    visits = [await demo.with_key(None).get(f"/{link['shortCode']}") for _ in range(50)]
    assert {visit.status for visit in visits} == {302}
    key = stack.key
    await stack.kill()
    await stack.start()
    assert stack.key == key
    again = Client(demo._session, stack.url, key, None)
    answer = await again.get("/v1/links")
    assert answer.status == 200, answer.body
    assert answer.json["total"] == total + 1

    async def counted() -> int:
        number: int = (await again.get(f"/v1/links/{link['id']}")).json["clicks"]
        return number

    # What analytics held in its hands when it was killed is delivered again after 30 s.
    await until(counted, lambda number: number == 50, seconds=45)


async def test_ctrl_c_stops_everything(stack: Stack) -> None:
    pids = [process["pid"] for process in (await stack.status())["processes"]]
    assert await stack.interrupt() in (0, 130, -signal.SIGINT)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    await stack.start()
