"""Every click whose redirect has arrived is counted exactly once, whatever is killed or hangs meanwhile."""

import asyncio
import random
import time
from collections.abc import Mapping

import msgspec
import pytest

from shared.settings import variable
from tests.chaos import town as towns
from tests.chaos.books import open_campaign, settled
from tests.chaos.conftest import Say
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Ledger
from tests.servers import open_folder

LINKS = 20


class Form(msgspec.Struct, frozen=True, kw_only=True):
    clicks: int
    per_second: float
    each: int  # kills of every part, and as many hangs
    longest_hang: float  # seconds
    longest_pause: float  # seconds between two troubles
    calm_seconds: float
    patience_seconds: float
    settings: Mapping[str, str]


SHORT = Form(
    clicks=2_000,
    per_second=100,
    each=1,
    longest_hang=2,
    longest_pause=0.5,
    calm_seconds=3,
    patience_seconds=20,
    # What a dead process held is waited for less long, in order to see the end sooner.
    settings={variable("ingest_ack_wait_seconds"): "4", variable("journal_adopt_seconds"): "1"},
)
FULL = Form(
    clicks=20_000,
    per_second=70,
    each=3,
    longest_hang=20,
    longest_pause=2,
    calm_seconds=30,
    patience_seconds=60,
    settings={},
)


@pytest.mark.parametrize(
    "form", [pytest.param(SHORT, id="short"), pytest.param(FULL, id="full", marks=pytest.mark.long)]
)
async def test_no_click_is_lost_or_counted_twice_while_everything_is_killed_and_hangs(
    form: Form, seed: int, say: Say
) -> None:
    began = time.monotonic()
    dice = random.Random(seed)
    ledger = Ledger(f"{seed:x}")
    with open_folder() as folder:
        async with towns.begin(folder, **form.settings) as town:
            async with town.platform() as platform:
                campaign = await open_campaign(platform, LINKS)
            crowd = Crowd([town.url], campaign.slugs, ledger, dice)
            async with crowd.clicking(form.per_second):
                for trouble in towns.plan(dice, form.each, form.longest_hang):
                    await asyncio.sleep(dice.uniform(0, form.longest_pause))
                    await town.suffer(trouble, dice)
                await crowd.until_answered(form.clicks, form.clicks)
            async with town.platform() as platform:
                verdict = await settled(
                    platform, campaign, ledger, calm_seconds=form.calm_seconds, patience_seconds=form.patience_seconds
                )
    say(
        seed=seed,
        **msgspec.structs.asdict(verdict),
        refused=len(ledger.refused),
        troubles=town.troubles,
        seconds=round(time.monotonic() - began, 1),
    )
    assert verdict.clean
