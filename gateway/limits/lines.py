"""Connections to the server that counts, and the way to it: what a node refuses for being the wrong one is asked again.

Each round trip owns its connection until all its replies are read, or the connection is dropped, so no reply can meet a
caller that it was not meant for. A command is sent again only when a server has said that it did not carry it out.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
)
from redis.maint_notifications import MaintNotificationsConfig

from gateway.limits.nodes import Node, Nodes, members_of
from shared.settings import Settings, SettingsError, variable

_DEFAULT_PORT = 6379
# A wrong node leads to the right one. Who is led on further than this meets a cluster that does not agree with itself.
_MOST_LEADS = 3


def pack(*words: bytes) -> bytes:
    """A command in the protocol of Redis, which takes each word with its length in front."""
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


_ASKING = pack(b"ASKING")
_SLOTS = pack(b"CLUSTER", b"SLOTS")


def connect(settings: Settings) -> Redis:
    """A client for the limiter alone. It opens its connections when they are first needed; `SettingsError` when the
    address is none."""
    try:
        pool = ConnectionPool.from_url(
            settings.redis_url,
            max_connections=settings.limit_connections,
            # A round trip has a time limit of its own, which is cheaper than one for each write and read.
            socket_timeout=None,
            socket_connect_timeout=settings.limit_connection_timeout_seconds,
            # A command that is sent again would count twice.
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
    except ValueError:
        raise SettingsError(f"{variable('redis_url')}: an address looks like redis://host:6379/0") from None
    return Redis.from_pool(pool)


class Lines:
    """``script`` is a command that gives a server the script that all others name."""

    def __init__(self, redis: Redis, settings: Settings, script: bytes) -> None:
        self._pool = redis.connection_pool
        self._script = script
        self._timeout_seconds = settings.limit_connection_timeout_seconds
        told = self._pool.connection_kwargs
        self._nodes = Nodes(Node(told.get("host", "localhost"), told.get("port", _DEFAULT_PORT)))
        # A socket in the file system is on this machine, and leads nowhere else.
        self._leads = issubclass(self._pool.connection_class, Connection)
        self._idle: list[AbstractConnection] = []
        self._idle_at = self._nodes.asked

    async def exchange(self, commands: Sequence[bytes]) -> list[object]:
        """A reply to each command; refusals are replies. Raises RedisError or OSError when a server gave none."""
        node = self._nodes.asked
        if node != self._idle_at:
            await self._change_over(node)
        replies = await self._run(node, commands)
        for _ in range(_MOST_LEADS):
            refusal = _refusal(replies)
            if refusal is None:
                return replies
            asking = False
            if isinstance(refusal, AskError) and self._leads:
                node = Node(refusal.host or node.host, refusal.port)
                asking = not isinstance(refusal, MovedError)
                if not asking:
                    self._nodes.moved(node)
                    await self._change_over(node)
            elif not isinstance(refusal, NoScriptError):
                break
            places = [place for place, reply in enumerate(replies) if type(reply) is type(refusal)]
            again = await self._run_again(node, [commands[place] for place in places], asking)
            for place, reply in zip(places, again, strict=True):
                replies[place] = reply
        # These nodes decide nothing at all, and another may.
        if isinstance(_refusal(replies), ClusterDownError | ReadOnlyError | MovedError):
            self._nodes.failed(node)
        return replies

    async def close(self) -> None:
        for connection in self._idle:
            await connection.disconnect()
        await self._pool.aclose()

    async def _run_again(self, node: Node, commands: Sequence[bytes], asking: bool) -> list[object]:
        """The server may have been restarted, or be another: it gets the script first."""
        if not asking:
            return (await self._run(node, [self._script, *commands]))[1:]
        asked = [word for command in commands for word in (_ASKING, command)]
        return (await self._run(node, [self._script, *asked]))[2::2]

    async def _run(self, node: Node, commands: Sequence[bytes]) -> list[object]:
        connection = self._idle.pop() if self._idle and node == self._idle_at else self._new(node)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if _left_by_server(connection):
                    await connection.disconnect(nowait=True)
                fresh = not connection.is_connected
                # Who is in the cluster has to be known before the one node that is known is gone.
                sent = [_SLOTS, *commands] if fresh and self._leads else commands
                await connection.send_packed_command(b"".join(sent), check_health=False)
                replies = [await _reply(connection) for _ in sent]
        except BaseException:
            # What it may still have to say is of no use to the next one.
            await connection.disconnect(nowait=True)
            self._nodes.failed(node)
            raise
        finally:
            if node == self._idle_at:
                self._idle.append(connection)
            else:
                await connection.disconnect(nowait=True)
        if sent is commands:
            return replies
        self._nodes.learn(members_of(replies[0], node))
        return replies[1:]

    async def _change_over(self, node: Node) -> None:
        """From now on connections to this one are kept."""
        left, self._idle, self._idle_at = self._idle, [], node
        for connection in left:
            await connection.disconnect(nowait=True)

    def _new(self, node: Node) -> AbstractConnection:
        told = self._pool.connection_kwargs
        if node != self._nodes.named:
            told = {**told, "host": node.host, "port": node.port}
        return self._pool.connection_class(**told)


def _refusal(replies: Sequence[object]) -> ResponseError | None:
    for reply in replies:
        if isinstance(reply, ResponseError):
            return reply
    return None


def _left_by_server(connection: AbstractConnection) -> bool:
    """A server that was restarted has closed what lay idle here; that is no failure of the new one."""
    return connection._reader is not None and connection._reader.at_eof()


async def _reply(connection: AbstractConnection) -> object:
    try:
        return cast(object, await connection.read_response(disconnect_on_error=False))
    except ResponseError as refusal:
        return refusal
