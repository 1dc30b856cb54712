"""Asks over NATS service discovery which of our processes serve, and tries out a NATS server of the operator's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import nats.errors
from nats.aio.client import Client

from deploy.local.trouble import Trouble

_REPLY_SECONDS = 0.25
_CONNECT_SECONDS = 2
_RECONNECT_SECONDS = 0.25
_OLDEST_SERVER = (2, 12, 3)  # older ones may lose what they have acknowledged


class Metadata(msgspec.Struct):
    process: str = ""


class Present(msgspec.Struct):
    """The part that matters here of the answer to ``$SRV.PING``."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)


class RollCall:
    """Made by `connect`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def hears(self, service: str, process: str) -> bool:
        """Does this process answer under the service's name right now?"""
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                inbox = self._client.new_inbox()
                replies = await self._client.subscribe(inbox)
                try:
                    await self._client.publish(f"$SRV.PING.{service}", reply=inbox)
                    async for reply in replies.messages:
                        if msgspec.json.decode(reply.data or b"{}", type=Present).metadata.process == process:
                            return True
                finally:
                    await replies.unsubscribe()
        except (TimeoutError, nats.errors.Error, OSError):
            return False
        return False


@contextlib.asynccontextmanager
async def connect(url: str) -> AsyncIterator[RollCall]:
    """A connection that is tried again for as long as it is used."""
    client = await _client(url, attempts=-1)
    try:
        yield RollCall(client)
    finally:
        await client.close()


async def try_server(url: str) -> bool:
    """Is there a server with JetStream that we can use? False: not yet. Raises `Trouble` when it will not do."""
    try:
        client = await _client(url, attempts=1)
    except (nats.errors.Error, OSError, TimeoutError):
        return False
    try:
        version = client.connected_server_version
        if (version.major, version.minor, version.patch) < _OLDEST_SERVER:
            wanted = ".".join(map(str, _OLDEST_SERVER))
            raise Trouble(f"The server in WAYPOST_NATS_URL is NATS {version}; {wanted} or later is needed")
        try:
            await client.jetstream(timeout=_CONNECT_SECONDS).account_info()
        except nats.errors.Error as error:
            raise Trouble(f"The server in WAYPOST_NATS_URL has no JetStream for this user: {error}") from error
    finally:
        await client.close()
    return True


async def _client(url: str, attempts: int) -> Client:
    client = Client()

    async def ignore(_: Exception) -> None:
        """What fails shows in the answer; nats would print it."""

    try:
        await client.connect(
            url,
            name="waypost supervisor",
            error_cb=ignore,
            allow_reconnect=attempts != 1,
            max_reconnect_attempts=attempts,
            reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]
            connect_timeout=_CONNECT_SECONDS,
        )
    except BaseException:
        # A refused connection is still open on our side.
        await client.close()
        raise
    return client
