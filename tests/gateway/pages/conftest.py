"""A browser and a small web server, shared by the tests that look at pages."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from aiohttp import web

from gateway.pages.page import Page
from tests.gateway.pages import chromium


class Shelf(NamedTuple):
    """Pages as an HTTP server hands them out; `pages` may change at any time. A POST leads to `after_post`."""

    url: str
    pages: dict[str, Page]
    after_post: dict[str, str]


async def _open_shelf(host: str) -> tuple[Shelf, web.AppRunner]:
    pages: dict[str, Page] = {}
    after_post: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST" and request.path in after_post:
            raise web.HTTPFound(after_post[request.path])
        page = pages[request.path]
        headers = [(name.decode(), value.decode()) for name, value in page.headers if name != b"content-length"]
        return web.Response(status=page.status, headers=headers, body=page.body)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    return Shelf(f"http://{host}:{runner.addresses[0][1]}", pages, after_post), runner


@pytest.fixture(scope="session")
async def shelf() -> AsyncIterator[Shelf]:
    shelf, runner = await _open_shelf("127.0.0.1")
    yield shelf
    await runner.cleanup()


@pytest.fixture(scope="session")
async def elsewhere() -> AsyncIterator[Shelf]:
    """A second web server: another origin than the first."""
    shelf, runner = await _open_shelf("127.0.0.1")
    yield shelf
    await runner.cleanup()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[chromium.Browser]:
    program = chromium.find()
    if program is None:
        pytest.skip(f"no browser found; looked for {', '.join(chromium.NAMES)}")
    async with chromium.launch(program) as browser:
        yield browser
