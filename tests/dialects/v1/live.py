"""What the tests of the live stream share."""

import time
from collections.abc import Sequence

import msgspec

from shared import ids
from shared.contracts.analytics import LIVE_STREAM, Happening, Kind, live_subject
from shared.contracts.modes import Mode
from tests.client import Client, until
from tests.sse import Event
from tests.world import World


async def click(client: Client, code: str, **headers: str) -> None:
    answer = await client.with_key(None).get(f"/{code}", headers=headers)
    assert answer.status == 302


async def clicks(client: Client, code: str, tokens: Sequence[str]) -> None:
    """One click for each token, which is its campaign, so that it can be found again."""
    for token in tokens:
        assert (await client.with_key(None).get(f"/{code}?utm_campaign={token}")).status == 302


def tokens(events: Sequence[Event]) -> list[str]:
    return [event.json["utmCampaign"] for event in events]


def happening(campaign: str, padding: int = 0) -> Happening:
    return Happening(
        kind=Kind.CLICK,
        at=int(time.time() * 1000),
        link=ids.new(),
        country="AT",
        region="AT-9",
        device="Desktop",
        os="Linux",
        browser="Firefox",
        referrer="x" * padding,
        utm_source="",
        utm_medium="",
        utm_campaign=campaign,
        bot=False,
    )


async def happen(world: World, client: Client, campaigns: Sequence[str], padding: int = 0) -> None:
    """Puts clicks on the stream, all in one message, as the analytics do."""
    subject = live_subject(client.account.workspace.id, Mode.LIVE)
    payload = msgspec.msgpack.encode([happening(each, padding) for each in campaigns])
    await world.bus.publish(subject, payload, ids.new(), 5)


async def watchers(world: World) -> int:
    """Consumers that the NATS server keeps for those who watch."""
    info = await world.bus._stream.stream_info(LIVE_STREAM)
    return info.state.consumer_count


async def until_watchers(world: World, number: int, seconds: float = 30) -> None:
    await until(lambda: watchers(world), lambda seen: seen == number, seconds=seconds)
