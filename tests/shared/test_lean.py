"""What our processes do not load."""

import subprocess
import sys

PROGRAM = """
import sys
import shared.bus
import nats.aio.client
assert "aiohttp" not in sys.modules
import aiohttp
assert aiohttp.ClientSession
"""


def test_the_bus_leaves_a_library_out_that_others_may_still_load() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
