"""Asks over NATS service discovery which of our processes serve, and tries out a NATS server of the operator's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from deploy.local.trouble import Trouble

_REPLY_SECONDS = 0.25
_CONNECT_SECONDS = 2
_AGAIN_SECONDS = 0.05
_CLOSE_SECONDS = 1.0
_OLDEST_SERVER = (2, 12, 3)  # older ones may lose what they have acknowledged

_AWAY = (nats.errors.Error, OSError, TimeoutError)


class Metadata(msgspec.Struct):
    process: str = ""


class Present(msgspec.Struct):
    """The part that matters here of the answer to ``$SRV.PING``."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)


class RollCall:
    """Made by `connect`. Connects when it is asked, and again after the server has been away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def hears(self, service: str, process: str) -> bool:
        """Does this process answer under the service's name right now?"""
        try:
            client = await self._connected()
            async with asyncio.timeout(_REPLY_SECONDS):
                return await _is_present(client, service, process)
        except _AWAY:
            return False

    async def close(self) -> None:
        if self._client:
            await _close(self._client)

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                self._client = await _connect(self._url)
            return self._client


@contextlib.asynccontextmanager
async def connect(url: str) -> AsyncIterator[RollCall]:
    call = RollCall(url)
    try:
        yield call
    finally:
        await call.close()


async def try_server(url: str) -> bool:
    """Is there a server with JetStream that we can use? False: not yet. Raises `Trouble` when it will not do."""
    try:
        client = await _connect(url)
    except _AWAY:
        return False
    try:
        version = client.connected_server_version
        if (version.major, version.minor, version.patch) < _OLDEST_SERVER:
            wanted = ".".join(map(str, _OLDEST_SERVER))
            raise Trouble(f"The server in WAYPOST_NATS_URL is NATS {version}; {wanted} or later is needed")
        try:
            await client.jetstream(timeout=_CONNECT_SECONDS).account_info()
        except _AWAY as error:
            raise Trouble(f"The server in WAYPOST_NATS_URL has no JetStream for this user: {error}") from error
    finally:
        await _close(client)
    return True


async def _is_present(client: Client, service: str, process: str) -> bool:
    here = asyncio.Event()

    async def hear(reply: Msg) -> None:
        # Nobody there: an empty reply with the server's status.
        if reply.data and msgspec.json.decode(reply.data, type=Present).metadata.process == process:
            here.set()

    inbox = client.new_inbox()
    replies = await client.subscribe(inbox, cb=hear)
    try:
        await client.publish(f"$SRV.PING.{service}", reply=inbox)
        return await here.wait()
    finally:
        await replies.unsubscribe()


async def _connect(url: str) -> Client:
    client = Client()

    async def ignore(_: Exception) -> None:
        """What fails shows in the answer; nats would print it."""

    try:
        # With few attempts and without reconnecting: a client that is cancelled in the middle may miss that, and would
        # go on trying for as long as it has attempts left.
        await client.connect(
            url,
            name="waypost supervisor",
            error_cb=ignore,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=_AGAIN_SECONDS,  # type: ignore[arg-type]
            connect_timeout=_CONNECT_SECONDS,
        )
    except BaseException:
        # A refused connection is still open on our side.
        await _close(client)
        raise
    return client


async def _close(client: Client) -> None:
    with contextlib.suppress(*_AWAY):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
