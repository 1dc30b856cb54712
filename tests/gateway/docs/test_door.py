"""The reference as it is served."""

import gzip
import html

import pytest

from gateway.dialects import DIALECTS
from gateway.docs.webhooks import page as webhooks
from services.webhooks import schedule
from shared.settings import Settings
from tests.client import Client

PATHS = (
    "/api/docs",
    "/api/docs/page.js",
    "/api/docs/page.css",
    "/api/docs/swagger-ui.css",
    "/api/docs/swagger-ui-bundle.js",
    "/api/docs/openapi.json",
    "/docs/postman/collection.json",
    webhooks.PATH,
    *(f"{webhooks.PATH}/{name}" for name in webhooks.FILES),
)


@pytest.mark.parametrize("path", PATHS)
async def test_it_is_open_to_all_and_sent_once(visitor: Client, path: str) -> None:
    short = await visitor.get(path, headers={"Accept-Encoding": "gzip"})
    whole = await visitor.get(path, headers={"Accept-Encoding": "identity"})
    assert short.status == whole.status == 200
    assert short.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in whole.headers
    assert whole.headers["Content-Length"] == str(len(whole.body))
    assert int(short.headers["Content-Length"]) < len(whole.body)
    assert (gzip.decompress(short.body) if short.body[:2] == b"\x1f\x8b" else short.body) == whole.body
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    again = await visitor.get(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    head = await visitor.send("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert (await visitor.post(path)).status == 404


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_each_dialect_has_its_own(visitor: Client, dialect: object) -> None:
    name, prefix = dialect.name, dialect.prefix  # type: ignore[attr-defined]
    openapi = (await visitor.get(f"/api/docs/openapi.json?dialect={name}")).json
    assert openapi["servers"] == [{"url": visitor.url}]
    assert all(path == prefix or path.startswith(f"{prefix}/") for path in openapi["paths"])
    postman = await visitor.get(f"/docs/postman/collection.json?dialect={name}")
    assert postman.json["info"]["name"] == openapi["info"]["title"]
    assert "attachment" in postman.headers["Content-Disposition"]
    page = (await visitor.get(f"/api/docs?dialect={name}")).body.decode()
    assert f'data-openapi="/api/docs/openapi.json?dialect={name}"' in page


async def test_without_a_word_it_is_the_link_management_api(visitor: Client) -> None:
    assert "/api/use/links" in (await visitor.get("/api/docs/openapi.json")).json["paths"]


async def test_a_dialect_that_is_not_there_is_not_found(visitor: Client) -> None:
    for path in ("/api/docs", "/api/docs/openapi.json", "/docs/postman/collection.json"):
        assert (await visitor.get(f"{path}?dialect=v9")).status == 404


async def test_the_page_may_run_only_what_comes_from_here(visitor: Client) -> None:
    policy = (await visitor.get("/api/docs")).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_the_guide_to_webhooks_tells_every_event_and_shows_the_code_that_is_tried(visitor: Client) -> None:
    source = (await visitor.get(webhooks.PATH)).body.decode()
    assert "&lt;code&gt;" not in source
    page = html.unescape(source)
    for message in (message for dialect in DIALECTS for message in dialect.messages):
        assert f"<code>{message.name}</code>" in page
        assert message.summary in page
    for name in webhooks.LANGUAGES.values():
        code = (await visitor.get(f"{webhooks.PATH}/{name}")).body.decode()
        assert code == (webhooks.FOLDER / name).read_text(encoding="utf-8")
        assert code.strip() in page
    for vector in webhooks.vectors():
        assert vector.headers["X-Webhook-Signature"] in page
    assert visitor.url in page


def test_the_guide_to_webhooks_tells_the_times_that_are_kept() -> None:
    text = " ".join((webhooks.FOLDER / "page.html").read_text(encoding="utf-8").split())
    hours = [f"{pause / 3600:g}" for pause in schedule.PAUSES if pause > 3600]
    assert schedule.PAUSES[:4] == (0, 5, 300, 1800)
    assert f"5 seconds, 5 minutes, 30 minutes, {', '.join(hours[:-1])} and {hours[-1]} hours" in text
    defaults = Settings(nats_url="")
    assert f"within {defaults.webhook_timeout_seconds:g} seconds" in text
    assert defaults.webhook_retry_after_most_seconds == 3600
    assert "up to an hour" in text
    assert defaults.webhook_failing_seconds == 5 * 86_400
    assert f"for five days, in {defaults.webhook_failing_attempts} attempts or more" in text
    assert defaults.webhook_overlap_seconds == 86_400
    assert "For 24 hours every message is signed by both" in text


async def test_the_reference_leads_to_the_guide(visitor: Client) -> None:
    assert f'href="{webhooks.PATH}"' in (await visitor.get("/api/docs")).body.decode()
