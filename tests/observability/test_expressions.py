"""The dashboard and the alerts ask for nothing that a running stack does not tell."""

import json
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import yaml

from tests.client import Client, NewClient, until
from tests.observability.promql import WrongExpressionError, labels_of
from tests.observability.scraped import Seen, matches, scrape
from tests.receiver import Receiver
from tests.world import ROOT, Gateway, World

FOLDER = ROOT / "deploy" / "observability"
# What Grafana puts in by itself.
INTERVAL = ("$__rate_interval", "5m")


@pytest.fixture(scope="module")
def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads((FOLDER / "dashboard.json").read_text())


@pytest.fixture
async def told(
    world: World,
    gateway: Gateway,
    session: aiohttp.ClientSession,
    new_client: NewClient,
    client: Client,
    receiver: Receiver,
) -> dict[str, Seen]:
    """After a little of everything."""
    made = await client.post("/api/use/webhooks", {"url": receiver.url, "events": ["link.created"]})
    assert made.status == 201, made.body
    link = await client.new_link()
    await receiver.until("link.created")
    visitor = client.with_key(None)
    for path, status in ((f"/{link['shortCode']}", 302), (f"/{link['shortCode']}", 302), ("/nowhere-at-all", 404)):
        assert (await visitor.get(path)).status == status
    hurried = await new_client(limit=1, window="minute")
    for status in (200, 429):
        assert (await hurried.get("/v1/links")).status == status

    async def look() -> dict[str, Seen]:
        return await scrape(session, (*world.services.values(), gateway.process))

    def whole(found: dict[str, Seen]) -> bool:
        # An attempt is counted when it has ended, a moment after its receiver has heard of it.
        attempts = found.get("waypost_webhook_attempts_total", Seen())
        # What a probe asks has a second to answer; whatever does not answer is left out until the next look.
        return matches(attempts, "state", "delivered") and found["waypost_probe_success"].least == 1.0

    seen, _ = await until(look, whole)
    found: dict[str, Seen] = seen
    return found


async def test_every_expression_asks_for_what_is_told(
    told: dict[str, Seen], alerts: list[dict[str, Any]], dashboard: Any
) -> None:
    wrong = []
    for name, expression, texts in (*of_alerts(alerts), *of_dashboard(dashboard)):
        try:
            labels = labels_of(expression.replace(*INTERVAL), told)
        except (WrongExpressionError, ValueError) as error:
            wrong.append(f"{name}: {error}")
            continue
        unknown = {label for text in texts for label in named_in(text)} - labels
        wrong += [f"{name}: its result has no {', '.join(sorted(unknown))}"] if unknown else []
    assert not wrong


def of_alerts(alerts: list[dict[str, Any]]) -> Iterator[tuple[str, str, list[str]]]:
    for rule in alerts:
        yield rule["alert"], rule["expr"], list(rule["annotations"].values())


def of_dashboard(dashboard: Any) -> Iterator[tuple[str, str, list[str]]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], [target["legendFormat"]]
    for each in dashboard["annotations"]["list"]:
        yield each["name"], each["expr"], [each["titleFormat"]]


def named_in(text: str) -> list[str]:
    """The labels that a text shows: ``{{ $labels.instance }}`` in an alert, ``{{instance}}`` in a legend."""
    return re.findall(r"\{\{\s*\$labels\.(\w+)", text) + re.findall(r"\{\{(\w+)\}\}", text)


async def test_one_that_asks_for_something_else_is_noticed(told: dict[str, Seen]) -> None:
    for expression in (
        "waypost_nothing",
        "sum by (path) (rate(waypost_http_requests_total[5m]))",
        'waypost_http_requests_total{code="200"}',
        'waypost_consumer_pending{stream="clicks"}',
        "waypost_http_requests_total / waypost_bus_connected",
        "histogram_quantile(0.9, sum by (route) (rate(waypost_http_request_seconds_bucket[5m])))",
        "sum(waypost_bus_connected",
    ):
        with pytest.raises((WrongExpressionError, ValueError)):
            labels_of(expression, told)


def test_alerts_have_names_of_their_own_and_say_how_much_they_matter(alerts: list[dict[str, Any]]) -> None:
    assert len({rule["alert"] for rule in alerts}) == len(alerts)
    assert {rule["labels"]["severity"] for rule in alerts} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"] for rule in alerts)


def test_every_panel_has_a_place_of_its_own(dashboard: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_prometheus_reads_the_rules_that_are_there_and_every_process_of_the_compose_file() -> None:
    given = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert [(FOLDER / name).exists() for name in given["rule_files"]] == [True]
    found = [places for job in given["scrape_configs"] for places in job["dns_sd_configs"]]
    assert {places["port"] for places in found} == {9464}
    assert "WAYPOST_METRICS_PORT=9464" in (ROOT / "deploy" / "Dockerfile").read_text()
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    processes = {name for name, service in compose.items() if (service.get("command") or [""])[0] == "run"}
    assert {name for places in found for name in places["names"]} == processes
