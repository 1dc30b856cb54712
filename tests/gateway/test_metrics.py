"""What a gateway counts is for its operator's networks and nobody else."""

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.addresses import Addresses
from gateway.metrics import Metrics
from shared.settings import Settings, SettingsError
from tests.client import Client, until
from tests.world import World


async def test_the_counters_of_a_process_can_be_read_where_the_operator_is(client: Client, visitor: Client) -> None:
    link = await client.new_link()

    async def appended() -> float:
        answer = await visitor.get("/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
        assert "waypost_limiter_decisions" in families
        return families["waypost_journal_appended"].samples[0].value

    before = await appended()
    assert (await visitor.get(f"/{link['shortCode']}")).status == 302
    await until(appended, lambda seen: seen == before + 1)


async def test_nobody_else_learns_that_there_are_any(world: World) -> None:
    gateway = await world.start_gateway("gateway-counted", metrics_networks="127.77.1.0/24")
    proxied = await world.start_gateway(
        "gateway-counted-proxied", metrics_networks="127.77.1.0/24,127.0.0.1/32", trusted_proxies="127.0.0.1/32"
    )
    near, far = (aiohttp.TCPConnector(local_addr=(address, 0)) for address in ("127.77.1.1", "127.77.2.1"))
    async with (
        aiohttp.ClientSession(connector=near) as operator,
        aiohttp.ClientSession(connector=far) as stranger,
        aiohttp.ClientSession() as proxy,
    ):

        async def status(session: aiohttp.ClientSession, url: str, **headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            async with session.get(f"{url}/metrics", headers=named) as answer:
                return answer.status

        assert await status(operator, gateway.url) == 200
        assert await status(stranger, gateway.url) == 404
        # Behind a proxy that nobody has named, everybody would have its address.
        assert await status(operator, gateway.url, X_Forwarded_For="8.8.8.8") == 404
        assert await status(operator, gateway.url, Forwarded="for=8.8.8.8") == 404
        assert await status(proxy, proxied.url, X_Forwarded_For="8.8.8.8") == 404
        assert await status(proxy, proxied.url, X_Forwarded_For="127.77.1.9") == 200
        async with operator.post(f"{gateway.url}/metrics") as answer:
            assert answer.status == 404
    await gateway.process.stop()
    await proxied.process.stop()


def test_a_network_that_is_none_is_refused_at_the_start() -> None:
    settings = Settings(nats_url="nats://127.0.0.1", metrics_networks=("10.0.0.1/8",))
    with pytest.raises(SettingsError, match="WAYPOST_METRICS_NETWORKS"):
        Metrics(Addresses(()), settings)
