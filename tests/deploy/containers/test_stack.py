"""The newcomer's story once more, with everything in containers: it is told, a part is killed, all is taken down."""

import os
import signal
from typing import Any

import aiohttp
import pytest

from shared.contracts import SERVICES
from tests.client import Client, until
from tests.deploy.containers.compose import Compose

pytestmark = pytest.mark.containers

# Thirteen containers start on a machine that may have better things to do.
PATIENCE_SECONDS = 120.0


PARTS = ("postgres", "nats", "valkey", "gateway-1", "gateway-2", *SERVICES, "caddy")


async def ready(compose: Compose) -> None:
    async def waiting() -> list[str]:
        return compose.unhealthy(PARTS)

    await until(waiting, lambda seen: not seen, seconds=PATIENCE_SECONDS)


async def serves(visitor: Client) -> int:
    try:
        return (await visitor.get("/readyz")).status
    except aiohttp.ClientError:
        return 0


@pytest.fixture(scope="module")
async def ada(compose: Compose, session: aiohttp.ClientSession) -> Client:
    """Somebody with an account and a key, both made by the operator's command in a container."""
    await ready(compose)
    compose.waypost("account", "create", "--username", "ada", "--email", "ada@example.com", "--tier", "pro")
    key = compose.waypost("key", "create", "--username", "ada")
    return Client(session, compose.url, key["key"], None)


@pytest.fixture(scope="module")
async def code(ada: Client) -> str:
    """A short code, made as soon as the services answer."""

    async def make() -> Any:
        return await ada.post("/v1/links", {"title": "My site", "url": "https://example.com/"})

    made, _ = await until(make, lambda seen: seen.status == 201, seconds=PATIENCE_SECONDS)
    short: str = made.json["shortCode"]
    return short


async def clicks(client: Client) -> int:
    answer = await client.get("/v1/analytics?period=7d")
    count: int = answer.json["summary"]["clicks"] if answer.status == 200 else -1
    return count


async def test_a_newcomer_makes_a_link_follows_it_and_reads_the_click(ada: Client, code: str) -> None:
    visit = await ada.with_key(None).get(f"/{code}")
    assert (visit.status, visit.headers["Location"]) == (302, "https://example.com/")
    await until(lambda: clicks(ada), lambda seen: seen == 1, seconds=PATIENCE_SECONDS)


async def test_what_is_counted_is_not_shown_to_visitors(ada: Client, code: str) -> None:
    assert (await ada.with_key(None).get("/metrics")).status == 404


@pytest.mark.parametrize("part", ["links", "gateway-1", "nats"])
async def test_a_part_that_is_killed_comes_back(compose: Compose, ada: Client, code: str, part: str) -> None:
    killed = int(compose.inspect(part, ".State.Pid"))
    os.kill(killed, signal.SIGKILL)

    async def pid() -> int:
        return int(compose.inspect(part, ".State.Pid"))

    await until(pid, lambda seen: seen not in (0, killed), seconds=PATIENCE_SECONDS)

    async def make() -> Any:
        return await ada.post("/v1/links", {"title": f"After {part}", "url": "https://example.com/"})

    await until(make, lambda seen: seen.status == 201, seconds=PATIENCE_SECONDS)


async def test_down_and_up_keeps_everything(compose: Compose, ada: Client, code: str) -> None:
    before = await clicks(ada)
    links = (await ada.get("/v1/links?limit=100")).json
    compose.run("down", "--timeout", "20")
    assert await serves(ada.with_key(None)) == 0
    compose.up()
    await ready(compose)
    kept = await ada.get("/v1/links?limit=100")
    assert kept.json == links
    visit = await ada.with_key(None).get(f"/{code}")
    assert (visit.status, visit.headers["Location"]) == (302, "https://example.com/")
    await until(lambda: clicks(ada), lambda seen: seen == before + 1, seconds=PATIENCE_SECONDS)
