"""The embedded Valkey, which counts the limits."""

import asyncio
import json

import redis.asyncio
from redis.exceptions import RedisError

from deploy.local import ports, private_file
from deploy.local.binaries import Binary
from deploy.local.child import Command
from deploy.local.data_dir import DataDir
from deploy.local.part import Part
from shared.settings import Settings

_PROBE_SECONDS = 1.0


class Valkey(Part):
    name = "valkey"
    heard = False

    def __init__(self, binary: Binary, data: DataDir, password: str, settings: Settings) -> None:
        self._binary = binary.path
        self._directory = data.valkey
        self._password = password
        self._settings = settings
        self._port: int | None = None
        self._settled = False

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def address(self) -> str | None:
        return f"redis://127.0.0.1:{self._port}/0" if self._port else None

    def command(self) -> Command:
        if not self._settled:
            self._port = ports.free_port()
        config = self._directory / "valkey.conf"
        private_file.write(config, self._config().encode())
        return Command(argv=(str(self._binary), str(config)), environ={}, directory=self._directory)

    def settle(self) -> None:
        self._settled = True

    async def answers(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS), redis.asyncio.from_url(self.url) as client:
                await client.ping()
        except (OSError, TimeoutError, RedisError):
            return False
        return True

    def _config(self) -> str:
        # Only counters with an end live here, so the ones next to end may go first when memory runs out.
        return f"""\
bind 127.0.0.1
port {self._port}
protected-mode yes
requirepass {self._password}
dir {json.dumps(str(self._directory))}
appendonly yes
appendfsync everysec
save ""
maxmemory {self._settings.local_valkey_memory_bytes}
maxmemory-policy volatile-ttl
always-show-logo no
set-proc-title no
"""
