"""A link that may be followed so many times, and not once more."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from shared.contracts.links import GetLink, Link, Status, UpdateLink
from shared.contracts.modes import Mode
from tests.client import Client, until, within
from tests.gateway.redirect.test_visits import make
from tests.world import PATIENT, Gateway, World

LIMIT = 100


@pytest.fixture(scope="module")
async def second_gateway(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway("gateway-limits", limit_misses_per_minute=0, **PATIENT)
    yield started
    await started.process.stop()


@pytest.fixture
async def hasty_gateway(world: World) -> AsyncIterator[Gateway]:
    """One that waits no longer for a service than they all do."""
    started = await world.start_gateway("gateway-hasty-limits", limit_misses_per_minute=0)
    yield started
    await started.process.stop()


@pytest.fixture
async def second_links(world: World) -> AsyncIterator[None]:
    copy = world.service("links", 3)
    await copy.start_serving()
    yield
    assert await copy.stop() == 0


async def state(world: World, link: Link) -> Link:
    return await world.bus.ask(GetLink(workspace=link.workspace, mode=link.mode, id=link.id))


async def test_of_a_crowd_at_two_gateways_exactly_as_many_as_allowed_get_through(
    world: World, client: Client, visitor: Client, second_gateway: Gateway, second_links: None
) -> None:
    link = await make(world, client, max_clicks=LIMIT)
    doors = [visitor, visitor.at(second_gateway.url)]
    answers = await asyncio.gather(*(doors[n % 2].get(f"/{link.slug}") for n in range(3 * LIMIT)))
    assert Counter(answer.status for answer in answers) == {302: LIMIT, 410: 2 * LIMIT}
    now = await state(world, link)
    assert (now.claimed, now.status(now.updated_at)) == (LIMIT, Status.EXPIRED)


async def test_a_look_ahead_takes_nothing_and_a_robot_takes_its_share(
    world: World, client: Client, visitor: Client
) -> None:
    link = await make(world, client, max_clicks=2)
    path = f"/{link.slug}"
    for _ in range(3):
        assert (await visitor.send("HEAD", path)).status == 302
        assert (await visitor.get(f"{path}+")).status == 200
    robot = await visitor.get(path, headers={"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
    assert (robot.status, (await state(world, link)).claimed) == (302, 1)
    assert [(await visitor.get(path)).status for _ in range(2)] == [302, 410]
    assert (await visitor.send("HEAD", path)).status == 410
    await until(lambda: visitor.get(f"{path}+"), lambda answer: answer.status == 410)


async def test_past_its_limit_a_link_leads_to_its_other_address(world: World, client: Client, visitor: Client) -> None:
    link = await make(world, client, max_clicks=1, expired_url="https://example.com/over")
    answers = [await visitor.get(f"/{link.slug}") for _ in range(3)]
    assert [answer.headers["Location"] for answer in answers] == [
        "https://example.com/there",
        "https://example.com/over",
        "https://example.com/over",
    ]


async def test_a_raised_limit_opens_the_link_again_everywhere(
    world: World, client: Client, visitor: Client, second_gateway: Gateway
) -> None:
    doors = [visitor, visitor.at(second_gateway.url)]

    async def attempt(_: int) -> float:
        link = await make(world, client, max_clicks=1)
        path = f"/{link.slug}"
        assert [(await door.get(path)).status for door in doors] == [302, 410]
        await world.bus.ask(UpdateLink(workspace=link.workspace, mode=link.mode, id=link.id, max_clicks=3))
        took = [
            (await until(lambda door=door: door.get(path), lambda answer: answer.status == 302))[1]  # type: ignore[misc]
            for door in doors
        ]
        assert [(await door.get(path)).status for door in doors] == [410, 410]
        return max(took)

    await within(1.0, attempt)


async def test_a_password_is_asked_for_first_and_a_wrong_one_takes_nothing(
    world: World, client: Client, visitor: Client
) -> None:
    link = await make(world, client, max_clicks=1, password="sesame")
    path, form = f"/{link.slug}", {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await visitor.get(path)).status == 200
    assert (await visitor.send("POST", path, data=b"password=guess", headers=form)).status == 403
    assert (await state(world, link)).claimed == 0
    assert (await visitor.send("POST", path, data=b"password=sesame", headers=form)).status == 302
    assert (await visitor.send("POST", path, data=b"password=sesame", headers=form)).status == 410


async def test_while_the_links_service_is_away_nobody_gets_through(
    world: World, client: Client, hasty_gateway: Gateway
) -> None:
    visitor = client.with_key(None).at(hasty_gateway.url)
    link = await make(world, client, max_clicks=5)
    path = f"/{link.slug}"
    assert (await visitor.get(path)).status == 302
    world.services["links"].signal(signal.SIGSTOP)
    try:
        assert (await visitor.get(path)).status == 503
    finally:
        world.services["links"].signal(signal.SIGCONT)
    answers = [await until(lambda: visitor.get(path), lambda answer: answer.status != 503) for _ in range(8)]
    assert sum(answer.status == 302 for answer, _ in answers) <= 4
    assert answers[-1][0].status == 410


async def test_clicks_from_before_a_limit_was_set_count_towards_it(
    world: World, client: Client, visitor: Client
) -> None:
    link = await make(world, client, mode=Mode.LIVE)
    path = f"/{link.slug}"
    for _ in range(3):
        assert (await visitor.get(path)).status == 302
    await until(lambda: state(world, link), lambda now: now.clicks == 3)
    new = {"destination_url": "https://example.com/limited", "max_clicks": 5}
    await world.bus.ask(UpdateLink(workspace=link.workspace, mode=link.mode, id=link.id, **new))  # type: ignore[arg-type]
    await until(
        lambda: visitor.send("HEAD", path),
        lambda answer: answer.headers["Location"] == "https://example.com/limited",
    )
    assert [(await visitor.get(path)).status for _ in range(4)] == [302, 302, 410, 410]
