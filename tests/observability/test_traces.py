"""Where the time of a request goes: one trace through the gateway, the bus, a service and its statements."""

import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from shared.ids import new as new_id
from tests.client import Client, until
from tests.observability.collector import Collector, Span, collecting
from tests.world import ROOT, Gateway, Process, World

PROXY = "127.77.5.1"


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as started:
        yield started


@pytest.fixture(scope="module")
async def traced(world: World, collector: Collector) -> AsyncIterator[tuple[Gateway, Process]]:
    """A gateway and another copy of the links service that send what they do to the collector."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environ.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        links = world.service("links", 55, traces="otlp", access_log="all")
        await links.start_serving()
        gateway = await world.start_gateway("gateway-traced", traces="otlp", trusted_proxies=f"{PROXY}/32")
    yield gateway, links
    assert await gateway.process.stop() == 0
    assert await links.stop() == 0


@contextlib.asynccontextmanager
async def at(gateway: Gateway, client: Client, address: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0))) as session:
        yield Client(session, gateway.url, client.key, client.account)


def traceparent() -> tuple[str, str, dict[str, str]]:
    """A trace of somebody's, the span in it that asks, and the header that says so."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, {"traceparent": f"00-{trace}-{span}-01"}


async def test_a_request_is_one_trace_from_the_gateway_to_its_statement(
    client: Client, collector: Collector, traced: tuple[Gateway, Process]
) -> None:
    gateway, links = traced
    canary = f"canary{new_id()}"
    link = await client.new_link(f"https://example.com/?token={canary}")
    asking: dict[str, str] = {}  # each trace's first span, which is somebody else's
    async with at(gateway, client, PROXY) as proxied:
        # The other copy, which sends nothing, answers as often.
        for _ in range(40):
            trace, span, headers = traceparent()
            answer = await proxied.get(f"/v1/links/{link['id']}?", headers=headers | {"User-Agent": canary})
            assert answer.status == 200
            asking[trace] = span

    async def whole() -> list[Span]:
        """The first trace that reaches a statement with nothing missing; each process sends its spans when it likes."""
        for trace, first in asking.items():
            spans = collector.of(trace)
            known = {first, *(each.id for each in spans)}
            if any(each.name.startswith("select") for each in spans) and all(each.parent in known for each in spans):
                return spans
        return []

    spans, _ = await until(whole, bool)
    by_id = {span.id: span for span in spans}
    [statement] = (span for span in spans if span.name == "select links")
    answered = by_id[statement.parent]
    asked = by_id[answered.parent]
    request = by_id[asked.parent]
    assert (answered.service, answered.name) == ("waypost-links", "answer links.get_link")
    assert (asked.service, asked.name) == ("waypost-gateway", "ask links.get_link")
    assert (request.service, request.name) == ("waypost-gateway", "GET /v1/links/{id}")
    assert request.attributes["http.response.status_code"] == "200"
    assert request.attributes["waypost.request"] == answered.attributes["waypost.request"]
    assert statement.attributes == {"db.system.name": "postgresql", "db.namespace": "links"}
    for secret in (canary, str(client.key), link["shortCode"], PROXY):
        assert secret.encode() not in collector.said
    lines = [json.loads(line) for line in links.said.splitlines()]
    assert any(line.get("request") == request.attributes["waypost.request"] for line in lines)


async def test_only_a_proxy_of_ours_says_which_trace_a_request_belongs_to(
    client: Client, collector: Collector, traced: tuple[Gateway, Process]
) -> None:
    gateway, _ = traced
    trace, _, headers = traceparent()
    async with at(gateway, client, "127.77.5.2") as stranger:
        request = (await stranger.get("/v1/links", headers=headers)).headers["X-Request-Id"]

    async def found() -> list[Span]:
        return [span for span in collector.spans if span.attributes.get("waypost.request") == request]

    await until(found, bool)
    assert not collector.of(trace)


def test_without_traces_nothing_of_them_is_loaded() -> None:
    look = "import gateway.__main__, shared.service, sys; print([m for m in sys.modules if 'opentelemetry' in m])"
    assert subprocess.check_output([sys.executable, "-c", look], cwd=ROOT, text=True).strip() == "[]"


async def test_a_collector_that_is_away_holds_nobody_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    gateway = await world.start_gateway("gateway-unheard", traces="otlp", traces_flush_seconds=0.2)
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.url}/v1/links") as answer:
        assert answer.status == 401
    assert await gateway.process.stop() == 0
