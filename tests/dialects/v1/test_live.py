"""Clicks and views as they happen."""

import time

from tests.client import Client
from tests.sse import watch


async def click(client: Client, code: str, **headers: str) -> None:
    assert (await client.with_key(None).get(f"/{code}", headers=headers)).status == 302


async def test_a_click_is_seen_within_a_second(client: Client) -> None:
    link = await client.new_link()
    async with watch(client) as live:
        began = time.monotonic()
        await click(client, link["shortCode"])
        event = await live.next()
        assert time.monotonic() - began <= 1
    assert (event.name, event.json["id"]) == ("click", link["id"])
