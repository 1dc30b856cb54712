"""A visitor with a real browser in front of a running gateway: sees, follows, types, and is counted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from tests.client import Client, until
from tests.gateway.pages.chromium import Browser
from tests.gateway.pages.test_in_browser import look_at
from tests.world import Gateway, World

SIZES = ((390, 844), (1280, 900))
SCHEMES = ("light", "dark")
TITLES = ["Tidal Maps: listen everywhere", "Tour dates", "Sample pack", "Newsletter", "https://" + "long" * 30]

PAGE = "<!doctype html><title>Arrived</title><link rel=icon href=data:,><h1>Arrived</h1>"


class Elsewhere:
    """Another site, and what it was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        return web.Response(text=PAGE, content_type="text/html")


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    site = Elsewhere()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


@pytest.fixture
async def creator(client: Client, elsewhere: Elsewhere) -> Client:
    """One with a whole page."""
    for number, title in enumerate(TITLES):
        await client.new_link(f"{elsewhere.url}/{number}", title=title, order=len(TITLES) - number)
    changes = {
        "name": "Mara Lindqvist",
        "bio": "Field recordings.\nAnd long walks. " + "m" * 200,
        "pronouns": "she/her",
    }
    changes |= {"location": "Gothenburg, Sweden", "website": "https://www.maralindqvist.example/about"}
    assert (await client.patch("/v1/profile", changes)).status == 200
    page = page_of(client)
    await until(lambda: client.get(page), lambda answer: all(part in answer.body for part in (b"Mara", b"Tidal")))
    return client


def page_of(client: Client) -> str:
    return f"/@{client.account.user.username}"


async def clicks(client: Client) -> list[int]:
    return [link["clicks"] for link in (await client.get("/v1/links")).json["links"]]


async def test_a_page_fits_a_phone_and_a_desk_and_asks_nobody_else_for_anything(
    browser: Browser, gateway: Gateway, creator: Client
) -> None:
    grounds = set()
    for width, height in SIZES:
        await browser.resize(width, height)
        for scheme in SCHEMES:
            await browser.prefer(scheme)
            await browser.open(gateway.url + page_of(creator))
            assert await browser.evaluate("document.documentElement.scrollWidth") <= width
            assert await browser.evaluate("document.body.scrollHeight") > 300
            assert browser.requested() == [gateway.url + page_of(creator)]
            assert browser.complaints() == []
            shown = await browser.evaluate("[...document.querySelectorAll('nav a')].map(a => a.innerText.trim())")
            assert [text.split("\n")[0] for text in shown] == TITLES[::-1]
            grounds.add(await browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == len(SCHEMES)


async def test_all_on_a_page_can_be_read_and_pressed_by_everybody(
    browser: Browser, gateway: Gateway, creator: Client
) -> None:
    for path in (page_of(creator), "/"):
        await browser.open(gateway.url + path)
        await look_at(browser)


async def test_the_way_from_a_page_leads_to_the_home_of_the_gateway(
    browser: Browser, gateway: Gateway, creator: Client
) -> None:
    await browser.open(gateway.url + page_of(creator))
    await press(browser, "footer a")
    assert await browser.evaluate("location.pathname") == "/"
    assert await browser.evaluate("document.title") == "Waypost"
    assert browser.requested() == [f"{gateway.url}/"]
    assert browser.complaints() == []


async def test_a_link_on_the_page_leads_over_its_short_address_and_is_counted(
    browser: Browser, gateway: Gateway, creator: Client, elsewhere: Elsewhere
) -> None:
    await browser.open(gateway.url + page_of(creator))
    await browser.evaluate("window.scrollTo(0, 0)")
    await press(browser, "nav a")
    assert await browser.evaluate("document.title") == "Arrived"
    # The last link that was made stands first.
    assert [request.path for request in elsewhere.requests] == [f"/{len(TITLES) - 1}"]
    first = (await creator.get("/v1/links")).json["links"][0]
    assert browser.requested() == [first["shortUrl"], first["url"]]
    # The site learns from where its visitor comes, not from whose page exactly.
    assert elsewhere.requests[0].headers["Referer"] == f"{gateway.url}/"
    assert browser.complaints() == []
    await until(lambda: clicks(creator), lambda seen: seen == [1, 0, 0, 0, 0])


async def test_a_password_is_typed_and_the_way_is_free(
    browser: Browser, gateway: Gateway, world: World, client: Client, elsewhere: Elsewhere
) -> None:
    link = await world.bus.ask(
        CreateLink(
            workspace=client.account.workspace.id,
            mode=Mode.LIVE,
            destination_url=f"{elsewhere.url}/secret",
            password="öpen sesame & co",
        )
    )
    await browser.open(f"{gateway.url}/{link.slug}")
    await typed(browser, "open barley")
    assert await browser.evaluate("document.querySelector('[role=alert]').innerText") != ""
    assert elsewhere.requests == []
    await typed(browser, "öpen sesame & co")
    assert await browser.evaluate("location.href") == f"{elsewhere.url}/secret"
    (request,) = elsewhere.requests
    assert request.method == "GET"
    assert "sesame" not in str(request.rel_url)
    assert link.slug not in request.headers.get("Referer", "")
    await until(lambda: clicks(client), lambda seen: seen == [1])


async def test_a_preview_is_read_before_it_is_followed(
    browser: Browser, gateway: Gateway, client: Client, elsewhere: Elsewhere
) -> None:
    link = await client.new_link(f"{elsewhere.url}/there?a=b", title="A look ahead")
    for scheme in SCHEMES:
        await browser.prefer(scheme)
        await browser.open(f"{link['shortUrl']}+")
        assert f"{elsewhere.url}/there?a=b" in await browser.evaluate("document.body.innerText")
        assert browser.complaints() == []
    assert elsewhere.requests == []
    await press(browser, "a.button")
    assert await browser.evaluate("location.href") == f"{elsewhere.url}/there?a=b"
    await until(lambda: clicks(client), lambda seen: seen == [1])


async def press(browser: Browser, selector: str) -> None:
    """A click of the mouse in the middle of an element, and the page it leads to."""
    await browser.evaluate(
        f"document.querySelector('{selector}').scrollIntoView({{block: 'center', behavior: 'instant'}})"
    )
    box: dict[str, Any] = await browser.evaluate(
        f"document.querySelector('{selector}').getBoundingClientRect().toJSON()"
    )
    browser.events.clear()
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
    for kind in ("mousePressed", "mouseReleased"):
        await browser.call("Input.dispatchMouseEvent", type=kind, **at)
    await browser.until("Page.loadEventFired")


async def typed(browser: Browser, text: str) -> None:
    """Keys into the field, which has the focus by itself, Enter at the end, and the page that comes then."""
    await until(lambda: browser.evaluate("document.activeElement.name"), lambda name: name == "password")
    browser.events.clear()
    for character in text:
        await browser.call("Input.dispatchKeyEvent", type="char", text=character)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await browser.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **enter)
    await browser.call("Input.dispatchKeyEvent", type="keyUp", **enter)
    await browser.until("Page.loadEventFired")
