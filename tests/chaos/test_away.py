"""While a server is away visitors notice nothing, and afterwards every click is there."""

import asyncio
import contextlib
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from shared.ids import new as new_id
from tests.chaos import bare, broken
from tests.chaos.books import Campaign, left_in_stream, open_campaign, settled
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd, Wait
from tests.chaos.ledger import Ledger, Verdict
from tests.servers import free_port
from tests.shared.waiting import until
from tests.world import Process

PER_SECOND = 100
WARM_SECONDS = 1.0
CALM_SECONDS = 1
PATIENCE_SECONDS = 60  # and so the longest that counting may take afterwards
IMPATIENCE_SECONDS = 4
GOOD = 0.999  # the part of the visitors who are redirected
P99_SECONDS = 0.05
# One moment without a processor fills the last hundredth of a short outage. It passes, and a defect comes again.
ATTEMPTS = 3

SECONDS = [pytest.param(4, id="short"), pytest.param(60, id="full", marks=pytest.mark.long)]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    verdict: Verdict
    good: float
    p99: float  # seconds, while the server was away
    p99_bare: float  # at the same time, of a redirect that does nothing
    kept: int  # messages in the click stream at the end of the outage; -1 when it is NATS that is away
    counted_after: float  # seconds from its return until every click was counted


async def outage(own: Own, server: str, seconds: float, seed: int, patience: float, gateway: str = "gateway") -> Found:
    ledger = Ledger(f"{seed:x}")
    dice = random.Random(seed)
    started = await own.world.start_gateway("gateway-away", gateway, journal_dir=own.world.folder / new_id())
    try:
        campaign = await open_campaign(own, 10)
        crowd = Crowd([started.url], campaign.slugs, ledger, dice)
        await _remember(crowd, campaign, ledger)
        async with crowd.clicking(PER_SECOND), _bare(own, campaign, dice) as control:
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
    during, nothing = ([wait for wait in each.waits if gone <= wait.began < back] for each in (crowd, control))
    return Found(
        verdict=verdict,
        good=sum(wait.good for wait in during) / len(during),
        p99=p99(during),
        p99_bare=p99(nothing),
        kept=kept,
        counted_after=counted - back - CALM_SECONDS,
    )


@contextlib.asynccontextmanager
async def _bare(own: Own, campaign: Campaign, dice: random.Random) -> AsyncIterator[Crowd]:
    """Visitors of a process that does nothing but answer, as many as the gateway has."""
    port = free_port()
    argv = [sys.executable, "-m", bare.__name__, str(port)]
    process = Process("bare", argv, own.world.env("bare"), own.world.folder / "bare.log")
    await process.start()
    control = Crowd([f"http://127.0.0.1:{port}"], campaign.slugs, Ledger("bare"), dice)
    try:
        await until(control.click, 20)
        async with control.clicking(PER_SECOND):
            yield control
    finally:
        await process.stop()


async def _remember(crowd: Crowd, campaign: Campaign, ledger: Ledger) -> None:
    """Opens links until the gateway knows all of them; for one that it has never seen it has to ask."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(ledger.answered) < 10 * len(campaign.slugs):
            await crowd.click()


def p99(waits: Sequence[Wait]) -> float:
    return statistics.quantiles([wait.seconds for wait in waits], n=100)[98]


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_while_it_is_away_redirects_go_on_and_afterwards_every_click_is_there(
    own: Own, server: str, seconds: float, seed: int, say: Say
) -> None:
    for attempt in range(ATTEMPTS):
        found = await outage(own, server, seconds, seed + attempt, PATIENCE_SECONDS)
        say(seed=seed + attempt, **msgspec.structs.asdict(found))
        assert found.verdict.clean
        assert found.counted_after <= PATIENCE_SECONDS
        assert found.kept != 0, "the clicks did not wait in the stream"
        # A machine that is busy with something else is slow without any outage, too.
        allowed = max(P99_SECONDS, 3 * found.p99_bare)
        if found.good >= GOOD and found.p99 <= allowed:
            return
    raise AssertionError(f"{found.good} were redirected; they waited {found.p99} s, and {allowed} s are allowed")


@pytest.mark.long
async def test_without_a_journal_clicks_are_lost_while_nats_is_away(own: Own, seed: int, say: Say) -> None:
    found = await outage(own, "nats", 3, seed, IMPATIENCE_SECONDS, f"{broken.__name__}.keeps_no_journal")
    say(seed=seed, **msgspec.structs.asdict(found))
    assert found.verdict.lost > 0
