"""The same real browser, in front of a running gateway."""

from gateway.pages import link as pages
from shared.contracts.links import CreateLink
from shared.contracts.modes import Mode
from tests.client import Client
from tests.gateway.pages import chromium
from tests.gateway.pages.conftest import Shelf
from tests.gateway.pages.test_in_browser import look_at
from tests.world import Gateway, World


async def test_the_bio_page_fits_and_leads_over_its_short_links(
    browser: chromium.Browser, gateway: Gateway, client: Client
) -> None:
    link = await client.new_link(title="Tidal Maps")
    await client.patch("/v1/profile", {"name": "Mara Lindqvist", "bio": "Field recordings"})
    await browser.open(f"{gateway.url}/@{client.account.user.username}")
    await look_at(browser)
    assert await browser.evaluate("document.querySelector('nav a').pathname") == f"/{link['shortCode']}"
    assert browser.complaints() == []


async def test_a_visitor_with_the_password_gets_through(
    browser: chromium.Browser, gateway: Gateway, world: World, client: Client, elsewhere: Shelf
) -> None:
    elsewhere.pages["/arrived"] = pages.not_found()
    link = await world.bus.ask(
        CreateLink(
            workspace=client.account.workspace.id,
            mode=Mode.LIVE,
            destination_url=f"{elsewhere.url}/arrived",
            password="open sesame",
        )
    )
    await browser.open(f"{gateway.url}/{link.slug}")
    for password, heading in (("sesame", "Password, please"), ("open sesame", "Nothing here")):
        await browser.send_form(password)
        assert await browser.evaluate("document.querySelector('h1').textContent") == heading
    assert await browser.evaluate("location.href") == f"{elsewhere.url}/arrived"
