"""The embedded NATS server with JetStream, which syncs every acknowledged message to disk."""

import json
import secrets

import aiohttp

from deploy.local import ports, private_file
from deploy.local.binaries import Binary
from deploy.local.child import Command
from deploy.local.data_dir import DataDir
from deploy.local.part import Part
from deploy.local.trouble import Trouble
from shared.settings import Settings

USER = "waypost"
_PROBE_SECONDS = 1.0
_MAX_PAYLOAD_BYTES = 8_388_608
_MEMORY_STORE_BYTES = 67_108_864


class Nats(Part):
    name = "nats"
    heard = False

    def __init__(self, binary: Binary, data: DataDir, password: str, settings: Settings) -> None:
        self._binary = binary.path
        self._directory = data.nats
        self._password = password
        self._settings = settings
        self._server_name = f"waypost-{secrets.token_hex(4)}"
        self._port: int | None = None
        self._monitor_port: int | None = None
        self._settled = False

    @property
    def url(self) -> str:
        return f"nats://{USER}:{self._password}@127.0.0.1:{self._port}"

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self._monitor_port}"

    @property
    def address(self) -> str | None:
        return f"nats://127.0.0.1:{self._port}" if self._port else None

    def command(self) -> Command:
        if not self._settled:
            self._port, self._monitor_port = ports.free_port(), ports.free_port()
        config = self._directory / "nats.conf"
        private_file.write(config, self._config().encode())
        return Command(argv=(str(self._binary), "-c", str(config)), environ={}, directory=self._directory)

    def settle(self) -> None:
        self._settled = True

    async def answers(self) -> bool:
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE_SECONDS)) as http:
                async with http.get(f"{self.monitor_url}/healthz") as health:
                    if health.status != 200:
                        return False
                async with http.get(f"{self.monitor_url}/varz") as reply:
                    server = await reply.json()
                async with http.get(f"{self.monitor_url}/jsz?config=true") as reply:
                    jetstream = await reply.json()
        except (OSError, TimeoutError, aiohttp.ClientError):
            return False
        if server.get("server_name") != self._server_name:
            return False
        # Without it an acknowledged message may be lost with the power, and nothing else would tell.
        if not jetstream.get("config", {}).get("sync_always"):
            raise Trouble("The NATS server does not sync its streams at every message, though it has been told to")
        return True

    def _config(self) -> str:
        # A JSON string is also a string of this configuration language.
        quoted = json.dumps
        return f"""\
server_name: {quoted(self._server_name)}
host: "127.0.0.1"
port: {self._port}
http: "127.0.0.1:{self._monitor_port}"
max_payload: {_MAX_PAYLOAD_BYTES}
max_pending: {8 * _MAX_PAYLOAD_BYTES}
jetstream {{
  store_dir: {quoted(str(self._directory))}
  sync_interval: always
  max_memory_store: {_MEMORY_STORE_BYTES}
  max_file_store: {self._settings.local_nats_store_bytes}
}}
authorization {{
  user: {quoted(USER)}
  password: {quoted(self._password)}
}}
"""
