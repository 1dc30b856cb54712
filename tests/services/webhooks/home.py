"""``python -m tests.services.webhooks.home ADDRESS``: on a machine of its own whose public address that is.

Prints as JSON, for each way to write the address, whether it is refused, and whether it is with its network allowed.
"""

import asyncio
import subprocess
import sys

import msgspec

from services.webhooks import guard
from services.webhooks.attempt import Courier, Message
from services.webhooks.signature import new_secret
from shared.faults import Fault
from shared.settings import Settings
from tests.services.webhooks.receiver import always, receiving


class Found(msgspec.Struct):
    registered: bool
    error: str | None
    arrived: int


def move_in(address: str) -> None:
    for command in (["link", "set", "lo", "up"], ["address", "add", f"{address}/32", "dev", "lo"]):
        subprocess.run(["ip", *command], check=True)


async def main(address: str) -> dict[str, dict[str, Found]]:
    found: dict[str, dict[str, Found]] = {}
    for host in (address, f"[::ffff:{address}]"):
        found[host] = {}
        for name, allowed in (("refused", ()), ("allowed", (f"{address}/32",))):
            settings = Settings(nats_url="nats://127.0.0.1", webhook_allow_cidrs=allowed)
            async with receiving(always(200), address) as canary, Courier(settings) as courier:
                url = f"http://{host}:{canary.port}/"
                try:
                    await guard.check_url(url, settings)
                except Fault:
                    registered = False
                else:
                    registered = True
                message = Message(id="msg_1", topic="t", url=url, body=b"{}", headers={}, secrets=(new_secret(),))
                outcome = await courier.carry(message)
                found[host][name] = Found(registered, outcome.error, len(canary.received))
    return found


if __name__ == "__main__":
    move_in(sys.argv[1])
    print(msgspec.json.encode(asyncio.run(main(sys.argv[1]))).decode())
