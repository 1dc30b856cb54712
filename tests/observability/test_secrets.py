"""What the processes say can be read by anybody: it tells which request it was, and no secret of any."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.dialects import DIALECTS
from gateway.docs.openapi import document
from shared import credentials
from shared.contracts.keys import RevokeKey, Style
from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Answer, Client, until
from tests.gateway.docs.test_examples import ORIGIN, RECEIVER, WEBHOOK, Request, of_openapi
from tests.receiver import Receiver
from tests.world import Gateway, World

ADDRESS = "127.77.88.99"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def afar(gateway: Gateway, client: Client) -> AsyncIterator[Client]:
    """The same creator at another address."""
    connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, gateway.url, client.key, client.account)


def lines(log: Path) -> Iterator[dict[str, Any]]:
    # Only a newline ends a line of a log, and the last one may not be whole yet.
    for line in log.read_text().split("\n")[:-1]:
        yield json.loads(line)


async def test_the_lines_of_a_request_have_its_id_in_every_process(
    world: World, gateway: Gateway, client: Client
) -> None:
    answer = await client.get("/v1/links?limit=5")
    request = answer.headers["X-Request-Id"]

    async def told() -> dict[str, dict[str, Any]]:
        logs = (gateway.process.log, world.services["links"].log)
        return {line["process"]: line for log in logs for line in lines(log) if line.get("request") == request}

    found, _ = await until(told, lambda seen: len(seen) == 2)
    asked, answered = found["gateway"], found["links"]
    assert (asked["route"], asked["method"], asked["status"]) == ("/v1/links", "GET", 200)
    assert (answered["question"], answered["outcome"]) == ("ListLinks", "done")
    assert answered["took_ms"] <= asked["took_ms"]


def operations(canary: str) -> Iterator[Request]:
    """Each operation of each dialect as its reference shows it, with the canary in every address and every word that
    is secret; and once more with the canary for every word there is."""
    for dialect in DIALECTS:
        for request in of_openapi(document(dialect, ORIGIN)):
            if request.path.endswith("/live"):
                continue
            if request.body is None or not request.body.startswith(("{", "[")):
                yield request
                continue
            body = msgspec.json.decode(request.body)
            for everywhere in (False, True):
                text = msgspec.json.encode(with_canary(body, canary, everywhere)).decode()
                yield msgspec.structs.replace(request, body=text)


def with_canary(value: Any, canary: str, everywhere: bool, name: str = "") -> Any:
    if isinstance(value, dict):
        inside = everywhere or name == "headers"
        return {key: with_canary(each, canary, inside, key) for key, each in value.items()}
    if isinstance(value, list):
        return [with_canary(each, canary, everywhere, name) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("http") and not everywhere:
        return f"{value}{'&' if '?' in value else '?'}token={canary}"
    return canary if everywhere or "password" in name.lower() or "secret" in name.lower() else value


async def test_no_secret_is_in_what_is_logged_or_counted(
    world: World,
    gateway: Gateway,
    session: aiohttp.ClientSession,
    client: Client,
    afar: Client,
    receiver: Receiver,
) -> None:
    canary = f"canary{new_id()}"
    revoked = await world.key(client.account)
    await world.bus.ask(RevokeKey(id=revoked.key.id))
    unknown = credentials.mint(Style.EZX, Mode.LIVE)
    secrets = [canary, str(client.key), revoked.secret, unknown, f"{unknown[:-1]}x"]

    hooks = {"url": f"{receiver.url}?token={canary}", "events": ["*"], "headers": {"X-Token": canary}}
    webhook = (await afar.post("/api/use/webhooks", hooks)).json
    secrets.append(webhook["secret"])
    asked = CreateLink(
        workspace=client.account.workspace.id,
        mode=Mode.LIVE,
        destination_url=f"https://example.com/?token={canary}",
        password=canary,
    )
    link = await world.bus.ask(asked)
    visitor = afar.with_key(None)
    for password, status in ((f"not-{canary}", 403), (canary, 302)):
        answer = await visitor.post(f"/{link.slug}", data=f"password={password}".encode(), headers=FORM)
        assert answer.status == status
    for path in (f"/{link.slug}?token={canary}", f"/{canary}", f"/@{canary}", f"/v1/{canary}", f"/a/{canary}"):
        await visitor.get(path, headers={"User-Agent": canary, "Referer": f"https://example.com/?t={canary}"})
    await receiver.until("link.created")

    for request in operations(canary):
        path = request.path.replace(WEBHOOK, webhook["id"])
        body = request.body.replace(RECEIVER, receiver.url).encode() if request.body is not None else None
        answer = await afar.send(request.method, path, data=body)
        assert answer.status < 500, (request, answer.body)
        secrets += secrets_in(answer)
    for key in (revoked.secret, unknown, f"{unknown[:-1]}x"):
        assert (await afar.with_key(key).get(f"/v1/links?token={canary}")).status in (400, 401)

    last = (await afar.get("/v1/links")).headers["X-Request-Id"]
    said = b"\n".join(
        log.read_bytes() for folder in (world.folder, world.servers.folder) for log in folder.glob("*.log")
    )
    for process in (*world.services.values(), gateway.process):
        async with session.get(f"{process.watched_at}/metrics") as page:
            said += await page.read()
    assert last.encode() in said
    assert [text for text in (*secrets, ADDRESS) if text.encode() in said] == []


def secrets_in(answer: Answer) -> list[str]:
    if answer.headers.get("Content-Type") != "application/json" or not answer.body.startswith(b"{"):
        return []
    return [value for name, value in answer.json.items() if name == "secret"]
