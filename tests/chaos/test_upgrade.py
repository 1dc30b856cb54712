"""The release before this one works on this one's schema, and is replaced part by part while customers go on."""

import asyncio
import contextlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import aiohttp
import msgspec
import pytest

from shared import bus as buses
from shared.contracts import SERVICES
from shared.contracts.accounts import Tier
from shared.ids import new as new_id
from shared.migrations import provision
from tests import servers as test_servers
from tests.chaos.books import Campaign, Platform, settled
from tests.chaos.conftest import Say
from tests.chaos.customers import LOOK_SECONDS, Balancer, Customers, new_link
from tests.chaos.ledger import Ledger
from tests.servers import free_port
from tests.world import ROOT, Gateway, Process, World

PATIENCE_SECONDS = 20
CUSTOMERS = 3
_PROVISION = """
import asyncio, json, sys
from shared.contracts import SERVICES
from shared.migrations import provision
url, passwords = sys.argv[1], json.loads(sys.argv[2])
for service in SERVICES:
    asyncio.run(provision(url, service, passwords[service]))
"""


@pytest.fixture(scope="module")
def before() -> Iterator[Path]:
    """The code as it was before the latest migration."""
    latest = _git("log", "-1", "--format=%H", "--", *(f"services/{name}/migrations" for name in SERVICES))
    if not latest or not _git("rev-parse", "--verify", "--quiet", f"{latest.decode().strip()}^"):
        pytest.skip("the history of the code is not here")
    with tempfile.TemporaryDirectory(prefix="waypost-before-") as folder:
        packed = _git("archive", f"{latest.decode().strip()}^", "gateway", "services", "shared", "deploy")
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def _git(*words: str) -> bytes:
    """Nothing where there is no git, or no repository of it."""
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False).stdout
    return b""


@pytest.mark.long
async def test_a_release_takes_over_from_the_one_before_without_a_failure(before: Path, say: Say) -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waypost-upgrade-")))
        servers = test_servers.start(folder)
        stack.callback(servers.stop)
        world = World(servers, folder)
        arguments = (servers.owner_url, msgspec.json.encode(world.passwords).decode())
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", _PROVISION, *arguments], cwd=before, check=True, capture_output=True
        )
        assert done.returncode == 0
        world._bus = bus = await stack.enter_async_context(buses.connect(world.settings()))

        old = {name: await _service(world, name, before, stack) for name in SERVICES}
        old_gateway = await _gateway(world, "gateway-before", before, stack)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        account = await world.account(Tier.CREATOR)
        keys = [(await world.key(await world.account(Tier.CREATOR))).secret for _ in range(CUSTOMERS)]
        slug = await new_link(session, old_gateway, (await world.key(account)).secret)
        balancer = Balancer([old_gateway], session)
        looking = asyncio.create_task(balancer.keep_looking())
        customers = Customers(balancer, keys, slug)
        applied = {}
        async with customers.coming():
            await asyncio.sleep(1)
            for name in SERVICES:
                applied[name] = await provision(servers.owner_url, name, world.passwords[name])
            await bus.ensure_streams()
            await asyncio.sleep(1)
            for name in SERVICES:
                await _service(world, name, ROOT, stack)
                assert await old[name].stop() == 0
            new_gateway = await _gateway(world, "gateway", ROOT, stack)
            balancer.send_to([new_gateway])
            await asyncio.sleep(2 * LOOK_SECONDS)
            assert await old_gateway.process.stop() == 0
            await asyncio.sleep(1)
        looking.cancel()

        say(applied={name: each for name, each in applied.items() if each}, requests=customers.outcomes)
        assert any(applied.values()), "this release has no migration of its own"
        assert set(customers.outcomes) == {"200", "201", "302"}
        # The clicks have no tokens here; they are as many as there were redirects.
        campaign = Campaign(account.workspace.id, (slug,))
        verdict = await settled(
            Platform(bus, servers.owner_url), campaign, Ledger(new_id()), calm_seconds=2, patience_seconds=10
        )
        assert verdict.disagreements == ()
        owner = await world.connect()
        try:
            counted = await owner.fetchval(
                "select count(*) from analytics.visits where workspace = $1", account.workspace.id
            )
        finally:
            await owner.close()
        assert counted == customers.outcomes["302"]


async def _service(world: World, name: str, home: Path, stack: contextlib.AsyncExitStack) -> Process:
    version = "old" if home != ROOT else "new"
    env = world.env(name, database_url=world.database_url(name))
    log = world.folder / f"{name}-{version}.log"
    process = Process(f"{name}-{version}", [sys.executable, "-m", f"services.{name}"], env, log, home)
    stack.push_async_callback(process.stop)
    await process.start_serving()
    return process


async def _gateway(world: World, name: str, home: Path, stack: contextlib.AsyncExitStack) -> Gateway:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    off = dict.fromkeys(("limit_address_per_minute", "limit_address_keyed_per_minute", "limit_user_per_hour"), 0)
    env = world.env(name, listen_port=port, public_url=url, journal_dir=world.folder / name, **off)
    gateway = Gateway(Process(name, [sys.executable, "-m", "gateway"], env, world.folder / f"{name}.log", home), url)
    await gateway.start()
    stack.push_async_callback(gateway.process.stop)
    return gateway
