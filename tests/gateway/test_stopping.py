"""A gateway stops within the time that is promised, whatever is away at that moment."""

import signal
import time

from tests import servers as test_servers
from tests import world as worlds
from tests.client import Client, until


async def test_a_gateway_stops_cleanly_although_nats_is_away(tmp_path_factory, session) -> None:  # type: ignore[no-untyped-def]
    servers = test_servers.start(tmp_path_factory.mktemp("own-servers"))
    try:
        async with worlds.begin(servers, tmp_path_factory.mktemp("own-world")) as world:
            gateway = await world.start_gateway("gateway-lonely")
            visitor = Client(session, gateway.url, None, None)
            servers.processes["nats"].kill()
            await until(lambda: visitor.get("/readyz"), lambda answer: answer.status == 503)
            assert (await visitor.get("/livez")).status == 200
            began = time.monotonic()
            assert await gateway.process.stop(signal.SIGTERM) == 0
            assert time.monotonic() - began <= 15
    finally:
        servers.stop()
