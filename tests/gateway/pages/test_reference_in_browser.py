"""The API reference in a real browser: it is drawn, by nothing but what this gateway serves, and tries things out."""

import json

import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from tests.client import until
from tests.gateway.pages import chromium
from tests.world import Gateway


async def count(browser: chromium.Browser, selector: str) -> int:
    found = await browser.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_every_operation_is_shown_and_nothing_comes_from_elsewhere(
    browser: chromium.Browser, gateway: Gateway, dialect: Dialect
) -> None:
    await browser.resize(1200, 900)
    await browser.open(f"{gateway.url}/api/docs?dialect={dialect.name}")
    # What is sent to webhooks is shown as operations, too.
    operations = len(dialect.endpoints) + len(dialect.messages)
    await until(lambda: count(browser, ".opblock"), lambda shown: shown == operations, seconds=30)
    assert all(url.startswith(gateway.url) for url in browser.requested())
    assert browser.complaints() == []
    assert await browser.evaluate("document.querySelector('[aria-current]').textContent") == dialect.prefix


async def test_a_request_can_be_tried_out(browser: chromium.Browser, gateway: Gateway) -> None:
    await browser.resize(1200, 900)
    await browser.open(f"{gateway.url}/api/docs#/discovery/discover")
    for button in (".try-out__btn", ".execute"):
        await until(lambda button=button: count(browser, button), lambda shown: shown == 1, seconds=30)  # type: ignore[misc]
        await browser.evaluate(f"document.querySelector('{button}').click()")
    await until(lambda: count(browser, ".live-responses-table"), lambda shown: shown == 1, seconds=30)
    answered = await browser.evaluate("document.querySelector('.live-responses-table').textContent")
    assert '"Waypost"' in answered
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [1200, 375, 320])
@pytest.mark.parametrize("operation", ["links/list_links", "links/create_link"])
async def test_an_operation_and_what_it_answers_fit_the_window(
    browser: chromium.Browser, gateway: Gateway, operation: str, width: int
) -> None:
    await browser.resize(width, 800)
    # Another address of the same page would not load it anew.
    await browser.open("about:blank")
    await browser.open(f"{gateway.url}/api/docs#/{operation}")
    await until(lambda: count(browser, ".responses-table .highlight-code"), lambda shown: shown > 0, seconds=30)
    assert await browser.evaluate("document.documentElement.scrollWidth") <= width
    edges = [
        f"document.querySelector('{each}').getBoundingClientRect().right"
        for each in (".responses-table", ".opblock.is-open")
    ]
    table, frame = await browser.evaluate(f"[{', '.join(edges)}]")
    assert table <= frame
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [1200, 375, 320])
async def test_the_guide_to_webhooks_fits_the_window(browser: chromium.Browser, gateway: Gateway, width: int) -> None:
    await browser.resize(width, 800)
    await browser.open(f"{gateway.url}/api/docs/webhooks")
    assert await browser.evaluate("document.documentElement.scrollWidth") <= width
    assert await count(browser, "details[open]") == 1
    assert all(url.startswith(gateway.url) for url in browser.requested())
    assert browser.complaints() == []
