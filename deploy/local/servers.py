"""The three servers: ours, or the operator's own where the environment names one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
import redis.asyncio
from redis.exceptions import RedisError

from deploy.local import binaries, roll_call
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.nats import Nats
from deploy.local.part import Part
from deploy.local.postgres import Postgres
from deploy.local.secret_store import Secrets
from deploy.local.trouble import Trouble
from deploy.local.valkey import Valkey
from shared.settings import Settings, variable

_PROBE_SECONDS = 2.0
_LOOK_SECONDS = 0.1


@dataclass
class ServerSet:
    """``ours`` are to be started; the URLs of the others are known from the start."""

    postgres: Postgres | None
    nats: Nats | None
    valkey: Valkey | None
    settings: Settings
    ours: list[Part] = field(init=False)

    def __post_init__(self) -> None:
        self.ours = [part for part in (self.postgres, self.nats, self.valkey) if part]

    @property
    def database_url(self) -> str:
        """The owner's."""
        return self.postgres.url if self.postgres else self.settings.database_url

    @property
    def nats_url(self) -> str:
        return self.nats.url if self.nats else self.settings.nats_url

    @property
    def redis_url(self) -> str:
        return self.valkey.url if self.valkey else self.settings.redis_url

    async def wait_for_others(self) -> None:
        """Returns when every server of the operator's own answers; raises `Trouble` when one does not."""
        waits = []
        if not self.postgres:
            waits.append(self._wait("database_url", _try_postgres))
        if not self.nats:
            waits.append(self._wait("nats_url", roll_call.try_server))
        if not self.valkey:
            waits.append(self._wait("redis_url", _try_valkey))
        await asyncio.gather(*waits)

    async def _wait(self, setting: str, answers: Callable[[str], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + self.settings.local_server_timeout_seconds
        while not await answers(getattr(self.settings, setting)):
            if time.monotonic() > deadline:
                raise Trouble(
                    f"The server in {variable(setting)} does not answer, or refuses its user or password: "
                    "start it, correct the URL, or leave the variable out to have a server of our own"
                )
            await asyncio.sleep(_LOOK_SECONDS)


def choose(settings: Settings, data: DataDir, secrets: Secrets, console: Console) -> ServerSet:
    """Raises `Trouble` when a server of ours would not run on this machine."""
    postgres = nats = valkey = None
    if not settings.database_url:
        postgres = Postgres(binaries.find_postgres(), data, secrets.owner_password, settings, console)
    if not settings.nats_url:
        nats = Nats(binaries.find_nats(), data, secrets.nats_password, settings)
    if not settings.redis_url:
        valkey = Valkey(binaries.find_valkey(), data, secrets.valkey_password, settings)
    return ServerSet(postgres, nats, valkey, settings)


async def _try_postgres(url: str) -> bool:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            connection = await asyncpg.connect(url)
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


async def _try_valkey(url: str) -> bool:
    try:
        async with asyncio.timeout(_PROBE_SECONDS), redis.asyncio.from_url(url) as client:
            await client.ping()
    except (OSError, TimeoutError, RedisError):
        return False
    return True
