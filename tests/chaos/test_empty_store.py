"""NATS comes back with an empty disk, and nobody has to restart anything."""

import random
import shutil
import time

import msgspec

from deploy.local.data_dir import DataDir
from shared.contracts.accounts import SetTier, Tier
from tests.chaos.books import open_campaign, settled
from tests.chaos.conftest import Own, Say
from tests.chaos.crowd import Crowd
from tests.chaos.ledger import Ledger
from tests.shared.waiting import until

CLICKS = 100
PER_SECOND = 100


async def test_clicks_and_events_flow_again_after_nats_has_lost_its_disk(own: Own, seed: int, say: Say) -> None:
    """What waited in the streams is gone with the disk, so the clicks from before are counted first."""
    began = time.monotonic()
    ledger = Ledger(f"{seed:x}")
    gateway = await own.world.start_gateway("gateway-empty", journal_dir=own.world.folder / "empty-store")
    try:
        campaign = await open_campaign(own, 3)
        crowd = Crowd([gateway.url], campaign.slugs, ledger, random.Random(seed))
        for clicks in (CLICKS, 2 * CLICKS):
            async with crowd.clicking(PER_SECOND):
                await crowd.until_answered(clicks, 20)
            verdict = await settled(own, campaign, ledger, calm_seconds=0.5, patience_seconds=20)
            assert verdict.clean
            if clicks == CLICKS:
                await lose_disk(own)
        await until_told(own)
    finally:
        await gateway.process.stop()
    say(seed=seed, **msgspec.structs.asdict(verdict), seconds=round(time.monotonic() - began, 1))


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


async def lose_disk(own: Own) -> None:
    async with own.away("nats"):
        shutil.rmtree(DataDir(own.world.servers.folder).nats / "jetstream")
        await until(lambda: not own.bus.connected)
    await until(lambda: own.bus.connected, 20)
