"""What a visitor finds behind a short code, and what is counted of it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from shared.contracts.links import CreateLink, Link, UpdateLink
from shared.contracts.modes import Mode
from tests.client import Answer, Client, NewClient, until, within
from tests.ending import ends_soon, later
from tests.world import PATIENT, Gateway, World


@pytest.fixture
async def other_gateway(world: World) -> AsyncIterator[Gateway]:
    started = await world.start_gateway("gateway-second", limit_misses_per_minute=0, **PATIENT)
    yield started
    await started.process.stop()


async def make(world: World, client: Client, **fields: object) -> Link:
    """A link with powers that /v1 does not offer."""
    given: dict[str, object] = {"destination_url": "https://example.com/there", "mode": Mode.LIVE} | fields
    return await world.bus.ask(CreateLink(workspace=client.account.workspace.id, **given))  # type: ignore[arg-type]


async def clicks_of(client: Client) -> tuple[int, int]:
    """Clicks in the report, and clicks on the first link."""
    report = (await client.get("/v1/analytics?period=7d")).json["summary"]["clicks"]
    links = (await client.get("/v1/links")).json["links"]
    return report, links[0]["clicks"] if links else 0


async def test_a_short_code_leads_where_its_link_says(client: Client, visitor: Client) -> None:
    link = await client.new_link("https://example.com/a?b=c#d")
    answer = await visitor.get(f"/{link['shortCode']}")
    assert (answer.status, answer.body) == (302, b"")
    assert answer.headers["Location"] == "https://example.com/a?b=c#d"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert not [name for name in answer.headers if name.lower().startswith(("x-ratelimit", "ratelimit"))]


async def test_a_click_is_in_the_report_within_two_seconds_and_counted_once(client: Client, visitor: Client) -> None:
    link = await client.new_link()
    clicks = 0

    async def counted(_: int) -> float:
        nonlocal clicks
        for _ in range(5):
            assert (await visitor.get(f"/{link['shortCode']}")).status == 302
            clicks += 1
        return (await until(lambda: clicks_of(client), lambda seen: seen[0] >= clicks))[1]

    await within(2.0, counted)
    await until(lambda: clicks_of(client), lambda seen: seen == (clicks, clicks))


async def test_head_answers_like_get_and_is_no_human_click(client: Client, visitor: Client) -> None:
    link = await client.new_link()
    path = f"/{link['shortCode']}"
    head = await visitor.send("HEAD", path)
    get = await visitor.get(path)
    assert head.status == get.status == 302
    assert head.headers["Location"] == get.headers["Location"]
    prefetch = await visitor.get(path, headers={"Sec-Purpose": "prefetch;prerender"})
    assert prefetch.status == 302
    await until(lambda: clicks_of(client), lambda seen: seen[0] >= 1)
    owner_sees, _ = await until(lambda: clicks_of(client), lambda seen: seen[1] >= 1)
    assert owner_sees == (1, 1)


async def test_an_update_is_seen_by_every_gateway_within_a_second(
    client: Client, visitor: Client, other_gateway: Gateway
) -> None:
    link = await client.new_link("https://example.com/old")
    places = [visitor, visitor.at(other_gateway.url)]
    path = f"/{link['shortCode']}"
    for place in places:
        assert (await place.get(path)).headers["Location"] == "https://example.com/old"

    async def seen(number: int) -> float:
        url = f"https://example.com/new/{number}"
        await client.patch(f"/v1/links/{link['id']}", {"url": url})
        began = time.monotonic()
        for place in places:
            await until(lambda place=place: place.get(path), lambda answer: answer.headers["Location"] == url)  # type: ignore[misc]
        return time.monotonic() - began

    await within(1.0, seen)


async def test_a_deleted_link_and_a_former_code_lead_nowhere_within_a_second(client: Client, visitor: Client) -> None:
    async def becomes(code: str, status: int) -> float:
        return (await until(lambda: visitor.get(f"/{code}"), lambda answer: answer.status == status))[1]

    async def attempt(_: int) -> float:
        link = await client.new_link()
        before, after = link["shortCode"], f"new-{link['shortCode']}"
        assert (await visitor.get(f"/{before}")).status == 302
        await client.patch(f"/v1/links/{link['id']}", {"shortCode": after})
        moved = await becomes(before, 404), await becomes(after, 302)
        await client.delete(f"/v1/links/{link['id']}")
        return max(*moved, await becomes(after, 404))

    await within(1.0, attempt)


async def test_a_code_that_was_looked_for_in_vain_works_as_soon_as_it_exists(client: Client, visitor: Client) -> None:
    async def attempt(number: int) -> float:
        code = f"soon-{client.account.user.id[-8:]}-{number}"
        assert (await visitor.get(f"/{code}")).status == 404
        await client.new_link(shortCode=code)
        return (await until(lambda: visitor.get(f"/{code}"), lambda answer: answer.status == 302))[1]

    await within(1.0, attempt)


def is_page(answer: Answer, status: int, words: str) -> bool:
    text = answer.body.decode()
    return (
        answer.status == status
        and words in text
        and text.lstrip().lower().startswith("<!doctype html>")
        and "src=" not in text
        and "default-src 'none'" in answer.headers["Content-Security-Policy"]
        and answer.headers["X-Content-Type-Options"] == "nosniff"
        and len(answer.body) < 10_000
    )


async def test_what_leads_nowhere_is_told_on_a_page(world: World, client: Client, visitor: Client) -> None:
    paused = await make(world, client, active=False)
    ended = await make(world, client, expires_at=later())
    replaced = await make(world, client, expires_at=later(), expired_url="https://example.com/over")
    for each in (ended, replaced):
        await ends_soon(world, each.id)
    assert is_page(await visitor.get("/no-such-code"), 404, "Nothing here")
    assert is_page(await visitor.get("/no/such/path"), 404, "Nothing here")
    assert is_page(await visitor.get(f"/{paused.slug}"), 404, "switched off")
    assert is_page(await visitor.get(f"/{paused.slug}+"), 404, "switched off")
    last, _ = await until(lambda: visitor.get(f"/{ended.slug}"), lambda answer: answer.status != 302)
    assert is_page(last, 410, "ended")
    last, _ = await until(
        lambda: visitor.get(f"/{replaced.slug}"), lambda answer: "over" in answer.headers.get("Location", "")
    )
    assert last.status == 302
    assert is_page(await visitor.get(f"/{replaced.slug}+"), 410, "ended")


async def test_a_preview_tells_where_the_link_leads_and_counts_nothing(client: Client, visitor: Client) -> None:
    link = await client.new_link("https://example.com/secret-plans")
    assert is_page(await visitor.get(f"/{link['shortCode']}+"), 200, "https://example.com/secret-plans")
    assert (await visitor.get(f"/{link['shortCode']}")).status == 302
    assert (await until(lambda: clicks_of(client), lambda seen: seen[0] > 0))[0][0] == 1


async def test_a_password_opens_the_way_and_a_wrong_one_does_not(world: World, client: Client, visitor: Client) -> None:
    link = await make(world, client, password="open sesame")
    path = f"/{link.slug}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert is_page(await visitor.get(path), 200, 'type="password"')
    assert "example.com" not in (await visitor.get(f"{path}+")).body.decode()
    wrong = await visitor.post(path, data=b"password=open+barley", headers=form)
    assert is_page(wrong, 403, 'role="alert"')
    right = await visitor.post(path, data=b"password=open+sesame", headers=form)
    assert (right.status, right.headers["Location"]) == (302, "https://example.com/there")
    assert (await until(lambda: clicks_of(client), lambda seen: seen[0] > 0))[0][0] == 1


async def test_passwords_cannot_be_tried_without_end(world: World, client: Client, visitor: Client) -> None:
    link = await make(world, client, password="open sesame")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    guesses = [await visitor.post(f"/{link.slug}", data=b"password=x%d" % n, headers=form) for n in range(12)]
    assert [answer.status for answer in guesses] == [403] * 10 + [429] * 2
    assert int(guesses[-1].headers["Retry-After"]) >= 1


async def test_the_query_goes_along_when_the_link_says_so(world: World, client: Client, visitor: Client) -> None:
    link = await make(world, client, destination_url="https://example.com/x?a=1#top", forward_query=True)
    answer = await visitor.get(f"/{link.slug}?utm_source=mail&a=2")
    assert answer.headers["Location"] == "https://example.com/x?a=1&utm_source=mail&a=2#top"
    plain = await make(world, client)
    assert (await visitor.get(f"/{plain.slug}?a=2")).headers["Location"] == "https://example.com/there"


async def test_trying_codes_at_random_is_slowed_down_by_address(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-misses", limit_misses_per_minute=10, **PATIENT)
    link = await client.new_link()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.77.0.7", 0))) as elsewhere:
        guesser = Client(elsewhere, gateway.url, None, None)
        statuses = [(await guesser.get(f"/guess-{number}")).status for number in range(12)]
        assert statuses == [404] * 10 + [429] * 2
        # A code that exists goes on working.
        assert (await guesser.get(f"/{link['shortCode']}")).status == 302
    await gateway.process.stop()


async def test_many_who_miss_one_code_share_one_question(world: World, client: Client, visitor: Client) -> None:
    link = await client.new_link()
    answers = await asyncio.gather(*(visitor.get(f"/{link['shortCode']}") for _ in range(100)))
    assert {answer.status for answer in answers} == {302}
    await until(lambda: clicks_of(client), lambda seen: seen == (100, 100))


async def test_test_links_lead_and_count_apart(new_client: NewClient, client: Client, visitor: Client) -> None:
    tester = await new_client(client.account, mode=Mode.TEST)
    link = await tester.new_link()
    assert (await visitor.get(f"/{link['shortCode']}")).status == 302
    await until(lambda: clicks_of(tester), lambda seen: seen == (1, 1))
    assert await clicks_of(client) == (0, 0)


async def test_cached_redirects_go_on_while_the_links_service_hangs(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-stale", redirect_fresh_seconds=0.2, limit_misses_per_minute=0)
    visitor = client.at(gateway.url).with_key(None)
    link = await client.new_link()
    await until(lambda: is_remembered(world, visitor, link["shortCode"]), bool)
    world.services["links"].signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(0.3)  # past the time for which the gateway takes its memory for fresh
        answers = [await visitor.get(f"/{link['shortCode']}") for _ in range(20)]
        assert {answer.status for answer in answers} == {302}
        cold = await visitor.get("/never-seen-before")
        assert cold.status == 503
    finally:
        world.services["links"].signal(signal.SIGCONT)
    await until(lambda: visitor.get("/never-seen-before"), lambda answer: answer.status == 404)
    await gateway.process.stop()


async def is_remembered(world: World, visitor: Client, code: str) -> bool:
    """Does the gateway answer without asking? News of a link that is still on its way makes it ask once more."""
    before = await world.asked("links.resolve")
    assert (await visitor.get(f"/{code}")).status == 302
    return await world.asked("links.resolve") == before


async def test_a_change_is_seen_although_its_message_was_lost(world: World, client: Client) -> None:
    gateway = await world.start_gateway("gateway-ttl", redirect_fresh_seconds=0.5)
    visitor = client.at(gateway.url).with_key(None)
    link = await make(world, client)

    async def becomes(status: int) -> float:
        return (await until(lambda: visitor.get(f"/{link.slug}"), lambda answer: answer.status == status))[1]

    async def attempt(_: int) -> float:
        await becomes(302)
        owner = await world.connect()
        await owner.execute("update links.links set active = false where id = $1", link.id)
        await owner.close()
        took = await becomes(404)
        await world.bus.ask(UpdateLink(workspace=link.workspace, mode=link.mode, id=link.id, active=True))
        return took

    await within(2, attempt)
    await becomes(302)
    await gateway.process.stop()
