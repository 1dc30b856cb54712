"""A NATS server of a test's own, that can be stopped and come back, and what its click stream holds."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from nats.aio.client import Client
from nats.js.api import StreamConfig

from shared import bus as buses
from shared.bus import Bus
from shared.contracts.analytics import CLICKS_STREAM, CLICKS_SUBJECT
from tests.gateway.journal.clicks import settings, tokens_in
from tests.servers import free_port


class Stream:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        config = self._folder / "nats.conf"
        store = self._folder / "nats"
        config.write_text(
            f'listen: "127.0.0.1:{self._port}"\nserver_name: "{self._folder.name}"\n'
            f'jetstream {{ store_dir: "{store}", sync_interval: always }}\n'
        )
        server = Path(sys.executable).parent / "nats-server"
        self._process = subprocess.Popen([server, "-c", config], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < until, "the NATS server does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    async def make(self) -> None:
        """An empty click stream that shows every message, repeated ones too."""
        async with self._client() as client:
            stream = client.jetstream()
            # The server's own look-back would hide what is sent twice, and it is much shorter than an outage may be.
            config = StreamConfig(name=CLICKS_STREAM, subjects=[CLICKS_SUBJECT], duplicate_window=0.1)
            await stream.add_stream(config)
            await stream.purge_stream(CLICKS_STREAM)

    async def messages(self) -> list[tuple[str, bytes]]:
        """Message id and payload of all that was published, in order."""
        async with self._client() as client:
            stream = client.jetstream()
            state = (await stream.stream_info(CLICKS_STREAM)).state
            found = []
            for sequence in range(state.first_seq, state.last_seq + 1):
                message = await stream.get_msg(CLICKS_STREAM, sequence)
                found.append(((message.headers or {})["Nats-Msg-Id"], message.data or b""))
            return found

    async def tokens(self) -> list[str]:
        """What counts: the first message of each batch."""
        return [token for payload in (await self.batches()).values() for token in tokens_in(payload)]

    async def batches(self) -> dict[str, bytes]:
        """The first message of each batch; asserts that any other one with its id is the same."""
        first: dict[str, bytes] = {}
        for batch, payload in await self.messages():
            assert first.setdefault(batch, payload) == payload
        return first

    @contextlib.asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        async with buses.connect(settings(self._folder, nats_url=self.url)) as bus:
            yield bus

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        client = Client()
        await client.connect(self.url, allow_reconnect=False, connect_timeout=2)
        try:
            yield client
        finally:
            await client.close()
