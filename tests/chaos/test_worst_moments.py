"""Crashes at the moments when they would hurt most; and that the ledger notices when one mechanism is missing."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import pytest

from shared.ids import new as new_id
from tests.chaos import broken
from tests.chaos.books import Campaign, open_campaign, settled
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd
from tests.chaos.hanging import hung
from tests.chaos.ledger import Ledger, Verdict
from tests.world import Gateway, Process

PER_SECOND = 150
ACK_WAIT_SECONDS = 1
CALM_SECONDS = 2
# How long nothing must happen before a click counts as lost: longer where none may be.
PATIENCE_SECONDS = 20
IMPATIENCE_SECONDS = 4


class Scene:
    """Two gateways and two copies of analytics, and visitors who click on them."""

    def __init__(self, own: Own, gateways: list[Gateway], copies: list[Process], campaign: Campaign, seed: int) -> None:
        self.own = own
        self.gateways = gateways
        self.copies = copies
        self.campaign = campaign
        self.ledger = Ledger(f"{seed:x}")
        self.crowd = Crowd([gateway.url for gateway in gateways], campaign.slugs, self.ledger, random.Random(seed))


async def a_gateway_dies_while_nats_hangs(scene: Scene) -> None:
    """It has a batch on its way whose acknowledgement never comes, and clicks that are in no batch yet."""
    victim = scene.gateways[0]
    with hung(scene.own.server("nats")):
        await asyncio.sleep(1)
        await victim.process.stop(signal.SIGKILL)
    await victim.start()


async def analytics_dies_while_postgres_hangs(scene: Scene) -> None:
    """Its copies hold batches that they cannot have counted."""
    with hung(scene.own.server("postgres")):
        await asyncio.sleep(1)
        for copy in scene.copies:
            await copy.stop(signal.SIGKILL)
    for copy in scene.copies:
        await copy.start()


async def postgres_hangs_until_batches_come_again(scene: Scene) -> None:
    """A batch is delivered to both copies, and both count it when they can."""
    with hung(scene.own.server("postgres")):
        await asyncio.sleep(2.5 * ACK_WAIT_SECONDS)


Crash = Callable[[Scene], Awaitable[None]]
ALL: tuple[Crash, ...] = (
    a_gateway_dies_while_nats_hangs,
    analytics_dies_while_postgres_hangs,
    postgres_hangs_until_batches_come_again,
)


async def play(
    own: Own, crashes: Sequence[Crash], seed: int, patience: float, *, gateway: str = "gateway", analytics: str = ""
) -> Verdict:
    async with _scene(own, seed, gateway, analytics) as scene:
        async with scene.crowd.clicking(PER_SECOND):
            for crash in crashes:
                await asyncio.sleep(0.5)
                await crash(scene)
            await asyncio.sleep(0.5)
        return await settled(own, scene.campaign, scene.ledger, calm_seconds=CALM_SECONDS, patience_seconds=patience)


@contextlib.asynccontextmanager
async def _scene(own: Own, seed: int, gateway: str, analytics: str) -> AsyncIterator[Scene]:
    world = own.world
    quick = {"ingest_ack_wait_seconds": ACK_WAIT_SECONDS, "ingest_retry_seconds": 0.05}
    copies = [world.service("analytics", copy, analytics, **quick) for copy in (2, 3)]
    # A journal of their own, so that what a broken gateway leaves behind is nobody else's.
    journal = {"journal_dir": world.folder / new_id(), "journal_adopt_seconds": 0.5}
    gateways: list[Gateway] = []
    await world.services["analytics"].stop()
    try:
        for copy in copies:
            await copy.start()
        for name in ("gateway-1", "gateway-2"):
            started = await world.start_gateway(name, gateway, **journal)
            gateways.append(started)
        for copy in copies:
            await copy.until_says("service answers")
        yield Scene(own, gateways, copies, await open_campaign(own, 10), seed)
    finally:
        for process in (*(each.process for each in gateways), *copies):
            await process.stop()
        await world.services["analytics"].start()
        await world.until_answered("analytics")


async def test_every_click_counts_once_through_all_of_them(own: Own, seed: int, say: Say) -> None:
    began = time.monotonic()
    verdict = await play(own, ALL, seed, PATIENCE_SECONDS)
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))
    assert verdict.clean


async def test_the_ledger_turns_red_without_adoption_and_without_batch_ids(own: Own, seed: int, say: Say) -> None:
    """Both at once, as each shows in its own way; the long proofs have every mechanism alone."""
    began = time.monotonic()
    crashes = (a_gateway_dies_while_nats_hangs, postgres_hangs_until_batches_come_again)
    gateway, analytics = f"{broken.__name__}.adopts_nothing", f"{broken.__name__}.forgets_batches"
    verdict = await play(own, crashes, seed, IMPATIENCE_SECONDS, gateway=gateway, analytics=analytics)
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))
    assert verdict.lost > 0
    assert verdict.duplicated > 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("ours", "variant", "kind", "crash"),
    [
        ("gateway", "adopts_nothing", "lost", a_gateway_dies_while_nats_hangs),
        ("gateway", "writes_later", "lost", a_gateway_dies_while_nats_hangs),
        ("gateway", "forgets_bounds", "duplicated", a_gateway_dies_while_nats_hangs),
        ("analytics", "acknowledges_first", "lost", analytics_dies_while_postgres_hangs),
        ("analytics", "forgets_batches", "duplicated", postgres_hangs_until_batches_come_again),
    ],
)
async def test_the_ledger_turns_red_when_one_mechanism_is_missing(
    own: Own, ours: str, variant: str, kind: str, crash: Crash, seed: int, say: Say
) -> None:
    began = time.monotonic()
    verdict = await play(own, [crash], seed, IMPATIENCE_SECONDS, **{ours: f"{broken.__name__}.{variant}"})
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))
    others = {"lost", "duplicated", "invented"} - {kind}
    assert getattr(verdict, kind) > 0
    assert not any(getattr(verdict, other) for other in others)
