"""Clicks and views as they happen: what is shown, to whom, and how it goes on after a break."""

import time
from pathlib import Path

import msgspec

from shared.contracts.analytics import LIVE_STREAM
from shared.contracts.modes import Mode
from tests import golden
from tests.client import Answer, Client, NewClient, within
from tests.dialects.v1.live import click, clicks, happen, tokens
from tests.gateway.answers import RATE_HEADERS
from tests.sse import Event, watch
from tests.world import World

GOLDEN = Path(__file__).parent / "golden"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def check(name: str, event: Event) -> None:
    body = msgspec.json.encode({"event": event.name, "data": event.json})
    golden.check(GOLDEN, name, Answer(200, {}, body))


async def test_a_click_is_seen_within_a_second_and_as_documented(client: Client) -> None:
    link = await client.new_link()
    async with watch(client) as live:

        async def attempt(_: int) -> float:
            began = time.monotonic()
            path = f"/{link['shortCode']}?utm_source=news&utm_medium=mail"
            headers = {"User-Agent": FIREFOX, "Referer": "https://example.com/a-page"}
            assert (await client.with_key(None).get(path, headers=headers)).status == 302
            event = await live.next()
            took = time.monotonic() - began
            assert event.json["id"] == link["id"]
            check("live_click", event)
            return took

        await within(1, attempt)


async def test_a_view_of_the_profile_is_seen_as_documented(client: Client) -> None:
    async with watch(client) as live:
        page = await client.with_key(None).get(f"/@{client.account.user.username}", headers={"User-Agent": FIREFOX})
        assert page.status == 200
        check("live_view", await live.next())


async def test_robots_are_shown_as_what_they_are(client: Client) -> None:
    link = await client.new_link()
    async with watch(client) as live:
        await click(client, link["shortCode"], **{"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})
        assert (await live.next()).json["bot"] is True


async def test_a_stream_is_one_request_with_the_headers_of_any_answer(client: Client) -> None:
    before = int((await client.get("/v1/links")).headers["X-RateLimit-Remaining"])
    async with watch(client) as live:
        headers = live.answer.headers
        assert live.status == 200
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert all(headers[name] for name in (*RATE_HEADERS, "X-Request-Id"))
        assert int(headers["X-RateLimit-Remaining"]) == before - 1
        assert live.retry == 1000
    assert int((await client.get("/v1/links")).headers["X-RateLimit-Remaining"]) == before - 2


async def test_head_tells_the_headers_and_ends(client: Client) -> None:
    answer = await client.send("HEAD", "/v1/analytics/live")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "text/event-stream"


async def test_nobody_sees_what_happens_elsewhere(client: Client, new_client: NewClient) -> None:
    stranger, tester = await new_client(), await new_client(client.account, mode=Mode.TEST)
    here, there, tried = await client.new_link(), await stranger.new_link(), await tester.new_link()
    async with watch(client) as live, watch(stranger) as foreign, watch(tester) as test:
        for link in (tried, there, here):
            await click(client, link["shortCode"])
        for watching, link in ((live, here), (foreign, there), (test, tried)):
            assert (await watching.next()).json["id"] == link["id"]
        for watching, link in ((test, tried), (foreign, there), (live, here)):
            await click(client, link["shortCode"])
            assert (await watching.next()).json["id"] == link["id"]


async def test_a_key_without_the_permission_sees_nothing(new_client: NewClient) -> None:
    blind = await new_client(scopes=("links:read",))
    answer = await blind.get("/v1/analytics/live")
    assert (answer.status, answer.code) == (403, "FORBIDDEN")


async def test_who_comes_back_goes_on_where_they_were(client: Client) -> None:
    link = await client.new_link()
    async with watch(client) as live:
        await clicks(client, link["shortCode"], ["a", "b", "c"])
        seen = await live.some(2)
    await clicks(client, link["shortCode"], ["d", "e"])
    async with watch(client, after=seen[-1].id) as live:
        await clicks(client, link["shortCode"], ["f"])
        seen += await live.some(4)
    assert tokens(seen) == ["a", "b", "c", "d", "e", "f"]
    assert len({event.id for event in seen}) == 6


async def test_going_on_works_from_every_event_of_a_message(world: World, client: Client) -> None:
    letters = ["a", "b", "c", "d"]
    async with watch(client) as live:
        beginning = live.last_id
        await happen(world, client, letters)
        await happen(world, client, ["e"])
        seen = await live.some(5)
    for number, event_id in enumerate([beginning, *(event.id for event in seen[:-1])]):
        async with watch(client, after=event_id) as live:
            assert tokens(await live.some(5 - number)) == [*letters, "e"][number:]


async def test_who_has_seen_everything_is_shown_nothing_again(world: World, client: Client) -> None:
    async with watch(client) as live:
        await happen(world, client, ["a"])
        last = (await live.next()).id
    async with watch(client, after=last) as live:
        await happen(world, client, ["b"])
        assert tokens([await live.next()]) == ["b"]


async def test_what_is_too_long_ago_is_a_gap_and_then_what_is_still_kept(world: World, client: Client) -> None:
    await happen(world, client, ["kept"])
    state = (await world.bus._stream.stream_info(LIVE_STREAM)).state
    async with watch(client) as live:
        epoch = live.last_id.split("-")[0]
    # Of a stream that is gone; of this one, but further than it has come.
    for position in ("1-5-0", f"{epoch}-{state.last_seq + 1000}-0"):
        async with watch(client, after=position) as live:
            gap, event = await live.some(2)
        assert gap.name == "gap"
        assert tokens([event]) == ["kept"]
    check("live_gap", gap)


async def test_what_has_never_been_an_id_is_a_mistake(client: Client) -> None:
    for wrong in ("x", "1", "1-2", "1-2-x", "-1-2-3", "1-2-3-4", "1" * 17 + "-1-1", "\u00b2-1-1"):
        answer = await client.get("/v1/analytics/live", headers={"Last-Event-ID": wrong})
        assert (answer.status, answer.code) == (400, "VALIDATION_ERROR"), wrong
        assert answer.json["error"]["details"] == [
            {"field": "Last-Event-ID", "reason": "Last-Event-ID is not the id of an event"}
        ]
