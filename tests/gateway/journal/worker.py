"""A worker process for the tests: appends numbered clicks for ever, tells each one that was taken, and ships meanwhile.

``python -m tests.gateway.journal.worker <folder> <NATS URL> <prefix>``
"""

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from gateway.redirect.journal import Journal
from shared import bus as buses
from tests.gateway.journal.clicks import settings, visit


async def main(folder: Path, url: str, prefix: str) -> None:
    # Batches follow each other closely, so that many kills hit one on its way.
    chosen = settings(folder, nats_url=url, ship_interval_seconds=0.002)
    async with buses.connect(chosen) as bus:
        journal = Journal(chosen, bus.publish)
        journal.start()
        number = 0
        while True:
            for _ in range(20):
                token = f"{prefix}-{number}"
                if journal.append(visit(token)):
                    os.write(1, f"{token}\n".encode())
                number += 1
            await asyncio.sleep(0.002)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
