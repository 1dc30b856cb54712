"""What is kept of a visitor and of a secret: nothing that tells who it was or opens anything."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from shared import credentials
from shared.contracts.keys import RevokeKey, Style
from shared.contracts.links import CreateLink, Link
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, until
from tests.gateway.remembered import remembered_link
from tests.gateway.stores import Store, everything, leaks
from tests.world import PATIENT, Gateway, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def watched(world: World, journal: Path) -> AsyncIterator[Gateway]:
    """A gateway that says as much as it can, with a journal of its own and every limit in force."""
    started = await start(world, journal)
    yield started
    await started.process.stop()


async def start(world: World, journal: Path, **settings: object) -> Gateway:
    return await world.start_gateway(
        "gateway-watched", log_level="debug", journal_dir=journal, journal_adopt_seconds=0.2, **(PATIENT | settings)
    )


@contextlib.asynccontextmanager
async def visitor_from(address: str, gateway: Gateway, browser: str) -> AsyncIterator[Client]:
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector, headers={"User-Agent": browser}) as session:
        yield Client(session, gateway.url, None, None)


@contextlib.contextmanager
def held_up(world: World) -> Iterator[None]:
    """NATS hangs, so what is in the journal stays there."""
    nats = world.servers.processes["nats"]
    nats.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        nats.send_signal(signal.SIGCONT)


async def with_password(world: World, client: Client, password: str) -> Link:
    return await world.bus.ask(
        CreateLink(
            workspace=client.account.workspace.id,
            mode=Mode.LIVE,
            destination_url="https://example.com",
            password=password,
        )
    )


async def stored(world: World, browser: str, visits: int) -> None:
    """Waits until that many visits with this browser are in the database."""
    owner = await world.connect()

    async def count() -> int:
        number: int = await owner.fetchval("select count(*) from analytics.visits where user_agent = $1", browser)
        return number

    await until(count, lambda seen: seen == visits, seconds=30)
    await owner.close()


def contents(stores: list[Store]) -> dict[str, Store]:
    return {store.name: store for store in stores}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_no_address_of_a_visitor_is_kept_anywhere(
    world: World, client: Client, watched: Gateway, journal: Path, end: signal.Signals
) -> None:
    link = await client.new_link()
    locked = await with_password(world, client, new_id())
    page, code = f"/@{client.account.user.username}", f"/{link['shortCode']}"
    browser = f"browser-{new_id()}"
    addresses = [f"127.77.{20 + number}.{end + 100}" for number in range(5)]
    for address in addresses:
        async with visitor_from(address, watched, browser) as visitor:
            assert (await visitor.get(code)).status == 302
            assert (await visitor.get(page)).status == 200
            # Whatever goes wrong is told to the visitor, and of the visitor nothing is told to anybody.
            assert (await visitor.get(f"/miss-{new_id()}")).status == 404
            assert (await visitor.get("/v1/links", headers={"X-Forwarded-For": address})).status == 401
            guesses = [await visitor.post(f"/{locked.slug}", data=b"password=x", headers=FORM) for _ in range(11)]
            assert guesses[-1].status == 429
        await nonsense(watched, address)
    await stored(world, browser, 10)

    # Once more, and these visits get no further than the journal.
    with held_up(world):
        for address in addresses:
            async with visitor_from(address, watched, browser) as visitor:
                assert (await visitor.get(code)).status == 302
        if end is signal.SIGKILL:
            await watched.process.stop(end)
    await watched.process.stop(end)
    assert not leaks(await everything(world, journal), *addresses)

    # The next one finds what is left and brings it home.
    after = await start(world, journal)
    await stored(world, browser, 15)
    await after.process.stop()
    stores = contents(await everything(world, journal))
    assert not leaks(list(stores.values()), *addresses)
    # The search finds what is there to be found, so it would find an address as well.
    assert stores["postgres"].holds(browser)
    assert stores["nats"].holds(link["id"].removeprefix("lnk_"))
    assert stores["valkey"].holds("{limits}:passwords")
    assert stores["logs"].holds("gateway-watched")


async def nonsense(gateway: Gateway, address: str) -> None:
    """What is no HTTP, and a request that breaks off, from an address."""
    place = urlsplit(gateway.url)
    for words in (b"\x16\x03\x01\x02\x00", b"POST /v1/links HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"):
        _, writer = await asyncio.open_connection(place.hostname, place.port, local_addr=(address, 0))
        writer.write(words)
        await writer.drain()
        writer.close()


async def test_a_journal_that_waits_holds_the_visit_and_not_the_visitor(
    world: World, client: Client, watched: Gateway, journal: Path
) -> None:
    browser = f"browser-{new_id()}"
    async with visitor_from("127.77.30.30", watched, browser) as visitor:
        link = await remembered_link(client, visitor)
        with held_up(world):
            for _ in range(20):
                assert (await visitor.get(f"/{link['shortCode']}")).status == 302
            await watched.process.stop(signal.SIGKILL)
            kept = contents(await everything(world, journal))
    assert kept["journal"].holds(browser)
    assert not leaks(list(kept.values()), "127.77.30.30")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_no_key_is_kept_anywhere_in_plain_text(
    world: World, client: Client, watched: Gateway, journal: Path, end: signal.Signals
) -> None:
    made = [await world.key(client.account, style=style, mode=mode) for style in Style for mode in Mode]
    unknown = [credentials.mint(style, Mode.LIVE) for style in Style]
    mistyped = made[0].secret[:-1] + "x"
    at = client.at(watched.url).with_key(None)
    for key in (*(new.secret for new in made), *unknown, mistyped):
        for headers in ({"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"Authorization": f"Basic {key}"}):
            good = key in {new.secret for new in made} and "Basic" not in str(headers)
            for path in ("/v1/links", "/v1/profile?x=1"):
                answer = await at.get(path, headers=headers)
                assert answer.status == (401 if not good else 200 if path == "/v1/links" else 400)
                assert key not in answer.body.decode()
    await world.bus.ask(RevokeKey(id=made[0].key.id))
    await watched.process.stop(end)
    stores = contents(await everything(world, journal))
    assert not leaks(list(stores.values()), *(new.secret for new in made), *unknown, mistyped)
    assert stores["postgres"].holds(made[0].key.id)
    assert stores["nats"].holds(made[0].key.id)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_no_password_of_a_link_is_kept_anywhere(
    world: World, client: Client, watched: Gateway, journal: Path, end: signal.Signals
) -> None:
    right, wrong = f"right{new_id()}", f"wrong{new_id()}"
    link = await with_password(world, client, right)
    visitor = client.at(watched.url).with_key(None)
    for password, status in ((wrong, 403), (right, 302)):
        answer = await visitor.post(f"/{link.slug}", data=f"password={password}".encode(), headers=FORM)
        assert answer.status == status
        assert password not in answer.body.decode()
    assert (await visitor.post(f"/{link.slug}", data=b"password=" + b"x" * 9000, headers=FORM)).status == 403
    await watched.process.stop(end)
    stores = contents(await everything(world, journal))
    assert not leaks(list(stores.values()), right, wrong)
    assert stores["postgres"].holds("$argon2id$")
