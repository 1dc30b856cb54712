"""A journal at its cap drops the newest clicks, and says exactly how many."""

import random
from collections import Counter
from collections.abc import Sequence

import aiohttp
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.ids import new as new_id
from tests.chaos import broken
from tests.chaos.books import counted_tokens, open_campaign
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Ledger
from tests.client import until
from tests.world import PATIENT

CAP_BYTES = 30_000
CLICKS = 400  # about twice as many as find room
AFTERWARDS = 20
# News of a link that has just been made may make the gateway ask once more.
KNOWN_AFTER = 20
# Frames differ by a few bytes, so the last ones before the end may find room though one before them did not.
SLACK = 3


class Found(msgspec.Struct, frozen=True, kw_only=True):
    clicks: int
    dropped: int  # as the gateway says
    counted: int
    repeated: int
    late: int  # of the clicks that came while the journal was full, those that count all the same
    afterwards: int  # of the clicks that came when there was room again, those that count


async def fill(own: Own, seed: int, gateway: str) -> Found:
    settings = {"journal_dir": own.world.folder / new_id(), "journal_cap_bytes": CAP_BYTES}
    started = await own.world.start_gateway("gateway-full", gateway, **settings, **PATIENT)
    try:
        ledger = Ledger(f"{seed:x}")
        campaign = await open_campaign(own, 1)
        # Each of them has to be answered, or it would not be known whether it counts.
        crowd = Crowd([started.url], campaign.slugs, ledger, random.Random(seed), patience=20)
        await _click(crowd, ledger, KNOWN_AFTER)
        async with own.away("nats"):
            during = await _click(crowd, ledger, CLICKS)

        async def lag() -> int:
            return await _metric(started.url, "waypost_journal_lag_bytes")

        async def counted() -> Counter[str]:
            return await counted_tokens(own, campaign)

        await until(lag, lambda left: left == 0, seconds=60)
        after = await _click(crowd, ledger, AFTERWARDS)
        # Clicks are counted in the order in which they came.
        tokens, _ = await until(counted, lambda found: after[-1] in found, seconds=60)
        crowd.leave()
        kept = [token in tokens for token in during]
        return Found(
            clicks=len(ledger.answered),
            dropped=await _metric(started.url, "waypost_journal_dropped_total"),
            counted=len(tokens),
            repeated=tokens.total() - len(tokens),
            late=sum(kept[kept.index(False) + SLACK :]),
            afterwards=sum(token in tokens for token in after),
        )
    finally:
        await started.process.stop()


async def _click(crowd: Crowd, ledger: Ledger, times: int) -> Sequence[str]:
    """The tokens, in their order."""
    tokens: list[str] = []
    for _ in range(times):
        before = set(ledger.answered)
        assert await crowd.click()
        tokens += ledger.answered - before
    return tokens


async def _metric(url: str, name: str) -> int:
    """The sum over its labels."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        text = await answer.text()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.name == name))


async def test_a_full_journal_drops_the_newest_clicks_and_counts_each_of_them(own: Own, seed: int, say: Say) -> None:
    found = await fill(own, seed, "gateway")
    say(seed=seed, **msgspec.structs.asdict(found))
    assert found.clicks == found.counted + found.dropped
    assert 0 < found.dropped < CLICKS
    assert (found.repeated, found.late, found.afterwards) == (0, 0, AFTERWARDS)


@pytest.mark.long
async def test_a_drop_that_is_not_counted_is_noticed(own: Own, seed: int, say: Say) -> None:
    found = await fill(own, seed, f"{broken.__name__}.drops_silently")
    say(seed=seed, **msgspec.structs.asdict(found))
    assert found.clicks > found.counted + found.dropped
