"""From where a click came is in its report, and the address that told it is nowhere."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.contracts.analytics import GetReport, Place
from shared.contracts.modes import Mode
from tests.client import Client, until
from tests.gateway.stores import everything, leaks
from tests.world import PATIENT, Gateway, World

# Networks that have belonged to the same universities and companies for decades.
CLIENTS = {"131.130.1.77": "AT", "8.8.8.77": "US", "2001:4860:4860::77": "US", "192.0.2.77": "Unknown"}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def behind_a_proxy(world: World, journal: Path) -> AsyncIterator[Gateway]:
    started = await world.start_gateway(
        "gateway-behind-a-proxy", log_level="debug", journal_dir=journal, trusted_proxies="127.0.0.0/8", **PATIENT
    )
    yield started
    await started.process.stop()


async def test_a_click_is_counted_in_its_country_and_its_address_is_kept_nowhere(
    world: World, client: Client, visitor: Client, behind_a_proxy: Gateway, journal: Path
) -> None:
    link = await client.new_link()
    person = visitor.at(behind_a_proxy.url)
    for address in CLIENTS:
        answer = await person.get(f"/{link['shortCode']}", headers={"X-Forwarded-For": address})
        assert answer.status == 302

    async def places() -> tuple[Place, ...]:
        now = datetime.now(UTC)
        question = GetReport(workspace=client.account.workspace.id, mode=Mode.LIVE, start=now, end=now)
        return (await world.bus.ask(question)).breakdowns.places

    found, _ = await until(places, lambda seen: sum(place.clicks for place in seen) == len(CLIENTS))
    assert {place.country: place.clicks for place in found} == {"US": 2, "AT": 1, "Unknown": 1}
    assert not leaks(await everything(world, journal), *CLIENTS)
