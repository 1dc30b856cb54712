"""While a server is away visitors notice nothing, and afterwards every click is there."""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

import msgspec
import pytest

from shared.ids import new as new_id
from tests.chaos import broken
from tests.chaos.books import Campaign, left_in_stream, open_campaign, settled
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd, Wait
from tests.chaos.ledger import Ledger, Verdict

PER_SECOND = 100
WARM_SECONDS = 2.0
CALM_SECONDS = 2
PATIENCE_SECONDS = 60  # and so the longest that counting may take afterwards
IMPATIENCE_SECONDS = 4
GOOD = 0.999  # the part of the visitors who are redirected
P99_SECONDS = 0.05

SECONDS = [pytest.param(6, id="short"), pytest.param(60, id="full", marks=pytest.mark.long)]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    verdict: Verdict
    good: float
    p99: float  # seconds, while the server was away
    p99_before: float
    kept: int  # messages in the click stream at the end of the outage; -1 when it is NATS that is away
    counted_after: float  # seconds from its return until every click was counted


async def outage(own: Own, server: str, seconds: float, seed: int, patience: float, gateway: str = "gateway") -> Found:
    ledger = Ledger(f"{seed:x}")
    started = await own.world.start_gateway("gateway-away", gateway, journal_dir=own.world.folder / new_id())
    try:
        campaign = await open_campaign(own, 10)
        crowd = Crowd([started.url], campaign.slugs, ledger, random.Random(seed))
        await _remember(crowd, campaign)
        async with crowd.clicking(PER_SECOND):
            await asyncio.sleep(WARM_SECONDS)
            gone = time.monotonic()
            async with own.away(server):
                await asyncio.sleep(seconds)
                kept = -1 if server == "nats" else await left_in_stream(own)
                back = time.monotonic()
            await asyncio.sleep(WARM_SECONDS)
        verdict = await settled(own, campaign, ledger, calm_seconds=CALM_SECONDS, patience_seconds=patience)
        counted = time.monotonic()
    finally:
        await started.process.stop()
    before = [wait for wait in crowd.waits if wait.began < gone]
    during = [wait for wait in crowd.waits if gone <= wait.began < back]
    return Found(
        verdict=verdict,
        good=sum(wait.good for wait in during) / len(during),
        p99=p99(during),
        p99_before=p99(before),
        kept=kept,
        counted_after=counted - back - CALM_SECONDS,
    )


async def _remember(crowd: Crowd, campaign: Campaign) -> None:
    """Opens links until the gateway knows all of them; for one that it has never seen it has to ask."""
    for _ in range(10 * len(campaign.slugs)):
        assert await crowd.click()


def p99(waits: Sequence[Wait]) -> float:
    return statistics.quantiles([wait.seconds for wait in waits], n=100)[98]


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_while_it_is_away_redirects_go_on_and_afterwards_every_click_is_there(
    own: Own, server: str, seconds: float, seed: int, say: Say
) -> None:
    found = await outage(own, server, seconds, seed, PATIENCE_SECONDS)
    say(seed=seed, **msgspec.structs.asdict(found))
    assert found.verdict.clean
    assert found.good >= GOOD
    # A machine that is busy with something else is slow without any outage, too.
    assert found.p99 <= max(P99_SECONDS, 2 * found.p99_before)
    assert found.counted_after <= PATIENCE_SECONDS
    assert found.kept != 0, "the clicks did not wait in the stream"


@pytest.mark.long
async def test_without_a_journal_clicks_are_lost_while_nats_is_away(own: Own, seed: int, say: Say) -> None:
    found = await outage(own, "nats", 3, seed, IMPATIENCE_SECONDS, f"{broken.__name__}.keeps_no_journal")
    say(seed=seed, **msgspec.structs.asdict(found))
    assert found.verdict.lost > 0
