"""NATS comes back with an empty disk, and nobody has to restart anything."""

import contextlib
import random
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest

from deploy.local.data_dir import DataDir
from shared.contracts import SERVICES
from shared.contracts.accounts import SetTier, Tier
from shared.ids import new as new_id
from tests.chaos import broken
from tests.chaos.books import open_campaign, settled
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Ledger, Verdict
from tests.shared.waiting import until
from tests.world import Process, World

CLICKS = 100  # before, while NATS is away, and afterwards
PER_SECOND = 100
CALM_SECONDS = 0.5
PATIENCE_SECONDS = 20
IMPATIENCE_SECONDS = 4


@pytest.fixture(autouse=True)
def hands_off(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof's own connection leaves the streams to the platform."""
    monkeypatch.setattr(own.bus, "mend", lambda: None)


async def play(own: Own, seed: int, patience: float, gateway: str = "gateway") -> Verdict:
    """What waited in the streams is gone with the disk, so the clicks from before are counted first."""
    ledger = Ledger(f"{seed:x}")
    started = await own.world.start_gateway("gateway-empty", gateway, journal_dir=own.world.folder / new_id())
    try:
        campaign = await open_campaign(own, 3)
        crowd = Crowd([started.url], campaign.slugs, ledger, random.Random(seed))

        async def click() -> None:
            goal = len(ledger.answered) + CLICKS
            async with crowd.clicking(PER_SECOND):
                await crowd.until_answered(goal, 20)

        await click()
        before = await settled(own, campaign, ledger, calm_seconds=CALM_SECONDS, patience_seconds=PATIENCE_SECONDS)
        assert before.clean
        async with own.away("nats"):
            shutil.rmtree(DataDir(own.world.servers.folder).nats / "jetstream")
            await click()
            assert not own.bus.connected
        await until(lambda: own.bus.connected, 20)
        await click()
        return await settled(own, campaign, ledger, calm_seconds=CALM_SECONDS, patience_seconds=patience)
    finally:
        await started.process.stop()


async def test_clicks_and_events_flow_again_after_nats_has_lost_its_disk(own: Own, seed: int, say: Say) -> None:
    began = time.monotonic()
    verdict = await play(own, seed, PATIENCE_SECONDS)
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))
    assert verdict.clean
    await until_told(own)


async def until_told(own: Own) -> None:
    """Waits until a fact of one service has reached another."""
    account = await own.world.account(Tier.FREE)
    await own.bus.ask(SetTier(workspace=account.workspace.id, tier=Tier.PRO))
    owner = await own.world.connect()
    query = "select count(*) from keys.plans where workspace = $1 and tier = 'pro'"

    async def arrived() -> bool:
        return bool(await owner.fetchval(query, account.workspace.id))

    await until(arrived, 20)
    await owner.close()


@pytest.mark.long
@pytest.mark.parametrize(
    ("variant", "gateway", "services"),
    [("mends_nothing", True, SERVICES), ("misses_its_consumer", False, ["analytics"]), ("sends_once", True, [])],
    ids=["mends_nothing", "misses_its_consumer", "sends_once"],
)
async def test_clicks_are_missing_when_one_mechanism_is(
    own: Own, variant: str, gateway: bool, services: Sequence[str], seed: int, say: Say
) -> None:
    began = time.monotonic()
    module = f"{broken.__name__}.{variant}"
    async with run_as(own.world, services, module):
        verdict = await play(own, seed, IMPATIENCE_SECONDS, module if gateway else "gateway")
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))
    assert verdict.lost > 0
    assert (verdict.duplicated, verdict.invented) == (0, 0)


@contextlib.asynccontextmanager
async def run_as(world: World, services: Sequence[str], module: str) -> AsyncIterator[None]:
    """Inside the block ``module`` runs in their place; the usual ones make the streams when they start again."""
    usual = {name: world.services[name] for name in services}
    try:
        await exchange(world, {name: world.service(name, 1, module) for name in services})
        yield
    finally:
        await exchange(world, usual)


async def exchange(world: World, others: Mapping[str, Process]) -> None:
    for name, process in others.items():
        await world.services[name].stop()
        world.services[name] = process
        await process.start()
    for name in others:
        await world.until_answered(name)
