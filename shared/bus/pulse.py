"""Does the server answer? One that hangs keeps its connections, and the client alone notices late."""

import asyncio

from nats.aio.client import Client

from shared.bus.messages import AWAY
from shared.settings import Settings


class Pulse:
    """`answers` is of use while `keep` runs."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._pause_seconds = settings.bus_pulse_seconds
        self._patience_seconds = settings.bus_pulse_patience_seconds
        self.answers = True

    async def keep(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._pause_seconds)
            # Of a connection that is lost, the client itself knows.
            self.answers = not self._client.is_connected or await self._ping()

    async def _ping(self) -> bool:
        # A pong that comes late still needs its future: nats-py stumbles over one that was cancelled.
        pong: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._client._send_ping(pong)
        except (TimeoutError, *AWAY):
            return False
        for _ in range(2):
            # When this process itself was short of time, the first look ends before what lies here has been read.
            await asyncio.wait({pong}, timeout=self._patience_seconds / 2)
            if pong.done():
                return True
        return False
