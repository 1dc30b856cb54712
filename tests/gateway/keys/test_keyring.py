"""What a gateway knows of keys while the keys service hangs."""

import signal
import time

from tests.client import Client, until
from tests.world import World


async def test_a_key_works_on_and_at_once_while_the_keys_service_hangs_and_then_nobody_can_tell(
    world: World, client: Client
) -> None:
    gateway = await world.start_gateway("gateway-keys-hang", key_fresh_seconds=0.2, key_stale_seconds=4)
    client = client.at(gateway.url)
    assert (await client.get("/v1/links")).status == 200
    world.services["keys"].signal(signal.SIGSTOP)
    try:
        hung, slow, good = time.monotonic(), 0, 0
        last = await client.get("/v1/links")
        while last.status == 200 and time.monotonic() - hung < 30:
            good += 1
            began = time.monotonic()
            last = await client.get("/v1/links")
            slow += last.status == 200 and time.monotonic() - began > 0.2
        assert (last.status, last.code) == (504, "INTERNAL_ERROR")
        assert time.monotonic() - hung > 3.5
        # One request a second waits a moment for news; all others go through as ever.
        assert slow <= 8, f"{slow} of {good}"
    finally:
        world.services["keys"].signal(signal.SIGCONT)
    await until(lambda: client.get("/v1/links"), lambda answer: answer.status == 200)
    await gateway.process.stop()
