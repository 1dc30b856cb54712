"""What every page for visitors brings along, whatever has happened."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from starlette.types import Message

from gateway.pages.page import Page
from gateway.redirect.door import show_drawn
from shared.contracts.links import CreateLink, Link
from shared.contracts.modes import Mode
from tests.client import Answer, Client, until
from tests.ending import ends_soon, later
from tests.shared.nats_server import NatsServer
from tests.world import PATIENT, Gateway, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Place(NamedTuple):
    status: int
    url: str


@pytest.fixture
async def places(world: World, client: Client, gateway: Gateway) -> dict[str, Place]:
    """One address for every kind of page."""

    async def make(**fields: object) -> Link:
        given: dict[str, object] = {"destination_url": "https://example.com/there", "mode": Mode.LIVE} | fields
        return await world.bus.ask(CreateLink(workspace=client.account.workspace.id, **given))  # type: ignore[arg-type]

    link, locked, paused = await make(title="Shown"), await make(password="open sesame"), await make(active=False)
    over = await make(expires_at=later())
    await ends_soon(world, over.id)
    page = f"{gateway.url}/@{client.account.user.username}"
    await until(lambda: client.get(f"/@{client.account.user.username}"), lambda answer: b"Shown" in answer.body)
    await until(lambda: client.get(f"/{over.slug}"), lambda answer: answer.status == 410)
    return {
        "home": Place(200, f"{gateway.url}/"),
        "no link": Place(404, f"{gateway.url}/no-such-code"),
        "no path": Place(404, f"{gateway.url}/no/such/path"),
        "no page": Place(404, f"{gateway.url}/@nobody-has-this-name"),
        "switched off": Place(404, f"{gateway.url}/{paused.slug}"),
        "over": Place(410, f"{gateway.url}/{over.slug}"),
        "password": Place(200, f"{gateway.url}/{locked.slug}"),
        "preview": Place(200, f"{gateway.url}/{link.slug}+"),
        "locked preview": Place(200, f"{gateway.url}/{locked.slug}+"),
        "bio": Place(200, page),
    }


async def raw(method: str, url: str) -> tuple[dict[str, str], bytes]:
    """Headers and every byte that comes behind them."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"{method} {place.path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    lines = head.decode("latin-1").split("\r\n")
    return {":status": lines[0].split()[1]} | dict(line.lower().split(": ", 1) for line in lines[1:]), body


def check(headers: dict[str, str], body: bytes) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "script-src" not in policy
    assert re.fullmatch(r"'sha256-[a-z0-9+/=]+'", policy["style-src"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in ("same-origin", "strict-origin-when-cross-origin")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] in ("private, no-store", "no-cache", "public, max-age=300")
    assert "server" not in headers
    text = body.decode()
    assert text.startswith("<!doctype html>")
    assert "<script" not in text
    assert not re.search(r"\son\w+=|\sstyle=", text)


async def test_every_page_brings_its_policies_and_a_head_request_gets_the_same_without_the_page(
    places: dict[str, Place],
) -> None:
    for kind, place in places.items():
        headers, body = await raw("GET", place.url)
        assert int(headers[":status"]) == place.status, kind
        check(headers, body)
        assert int(headers["content-length"]) == len(body), kind
        head, nothing = await raw("HEAD", place.url)
        assert nothing == b"", kind
        assert head | {"date": ""} == headers | {"date": ""}, kind


async def test_the_home_page_leads_to_the_reference_of_the_api(places: dict[str, Place]) -> None:
    _, body = await raw("GET", places["home"].url)
    (path,) = re.findall(r'href="(/[^"]*)"', body.decode())
    assert path == "/api/docs"
    headers, _ = await raw("GET", places["home"].url.removesuffix("/") + path)
    assert headers[":status"] == "200"


async def test_a_form_may_send_its_visitor_anywhere_and_other_pages_have_no_form(places: dict[str, Place]) -> None:
    for kind, place in places.items():
        headers, body = await raw("GET", place.url)
        forms = body.count(b"<form")
        assert forms == (1 if kind == "password" else 0), kind
        # Browsers hold the redirect behind a form to this as well, and it leads to another site.
        assert ("form-action 'self' https: http:" in headers["content-security-policy"]) == bool(forms), kind


def lower(answer: Answer) -> dict[str, str]:
    return {name.lower(): value.lower() for name, value in answer.headers.items()}


async def test_a_wrong_password_and_a_method_that_is_none_are_told_on_pages(
    client: Client, visitor: Client, places: dict[str, Place]
) -> None:
    wrong = await visitor.post(urlsplit(places["password"].url).path, data=b"password=barley", headers=FORM)
    assert wrong.status == 403
    check(lower(wrong), wrong.body)
    code = (await client.new_link())["shortCode"]
    for path in (f"/{code}", f"/{code}+", f"/@{client.account.user.username}"):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await visitor.send(method, path)
            assert answer.status == 404
            check(lower(answer), answer.body)


async def test_too_many_requests_are_told_on_a_page(world: World) -> None:
    gateway = await world.start_gateway(
        "gateway-strict", limit_misses_per_minute=1, limit_pages_per_minute=1, **PATIENT
    )
    for path in ("/no-such-code", "/@nobody-has-this-name"):
        await raw("GET", gateway.url + path)
        headers, body = await raw("GET", gateway.url + path)
        assert headers[":status"] == "429"
        check(headers, body)
        assert 1 <= int(headers["retry-after"]) <= 61
        assert int(headers["content-length"]) == len(body)
    await gateway.process.stop()


@pytest.fixture
async def lonely(world: World, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway on a NATS server where no service answers."""
    nats = NatsServer(tmp_path)
    nats.start()
    started = await world.start_gateway("gateway-lonely", nats_url=nats.url, journal_dir=tmp_path / "journal")
    yield started
    await started.process.stop()
    nats.kill()


async def test_a_service_that_is_away_is_told_on_a_page(lonely: Gateway) -> None:
    for path in ("/some-code", "/some-code+", "/@somebody"):
        headers, body = await raw("GET", lonely.url + path)
        assert headers[":status"] == "503"
        check(headers, body)
        assert int(headers["retry-after"]) >= 1
        head, nothing = await raw("HEAD", lonely.url + path)
        assert nothing == b""
        assert head["content-length"] == str(len(body))


async def test_a_crash_is_told_on_a_page_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def draw() -> Page:
        raise ZeroDivisionError("a defect")

    await show_drawn(send, draw())
    start, end = sent
    assert start["status"] == 503
    check({name.decode(): value.decode().lower() for name, value in start["headers"]}, end["body"])
    assert b"defect" not in end["body"]
    assert "a defect" in caplog.text


async def test_a_visitor_who_leaves_in_the_middle_of_a_password_is_no_crash(
    gateway: Gateway, visitor: Client, places: dict[str, Place]
) -> None:
    place = urlsplit(places["password"].url)
    before = len(gateway.process.log.read_text())
    for _ in range(5):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(f"POST {place.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\npass".encode())
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await writer.wait_closed()
    await asyncio.sleep(0.2)
    assert (await visitor.get("/livez")).status == 200
    assert "Traceback" not in gateway.process.log.read_text()[before:]
