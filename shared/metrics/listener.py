"""A listener for whoever watches a process: ``/metrics``, ``/livez`` and ``/readyz``, one request per connection."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from shared.metrics.probes import Probes
from shared.readiness import READY
from shared.settings import Settings, SettingsError, variable
from shared.stopping import cancel

# Why this process is not ready, in words; READY when it is.
Readiness = Callable[[], Awaitable[str]]

log = logging.getLogger(__name__)

_JSON = "application/json"
_PHRASES = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Listener:
    def __init__(self, settings: Settings, readiness: Readiness, probes: Probes) -> None:
        self._settings = settings
        self._readiness = readiness
        self._probes = probes
        self._serving: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listens for so long, if the settings say where."""
        listening = _socket(self._settings)
        if listening is None:
            yield
            return
        server = await asyncio.start_server(self._take, sock=listening, limit=self._settings.header_limit_bytes)
        try:
            yield
        finally:
            server.close()
            await cancel(self._serving)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= self._settings.metrics_connections:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="metrics")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._settings.header_timeout_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever has asked has gone, says too much or nothing at all.
            return
        except Exception:
            log.exception("A question of whoever watches ended in a crash")
        finally:
            writer.transport.abort()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            status, kind, body = _told(405, "only GET and HEAD are known here")
        elif path == "/metrics":
            await self._probes.look()
            status, kind, body = 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        elif path == "/livez":
            status, kind, body = _told(200, "live")
        elif path == "/readyz":
            word = await self._readiness()
            status, kind, body = _told(200 if word == READY else 503, word)
        else:
            status, kind, body = _told(404, "there is nothing at this path")
        lines = (
            f"HTTP/1.1 {status} {_PHRASES[status]}",
            f"content-type: {kind}",
            f"content-length: {len(body)}",
            "cache-control: no-store",
            "connection: close",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else body)


def _told(status: int, word: str) -> tuple[int, str, bytes]:
    return status, _JSON, msgspec.json.encode({"status": word})


def _socket(settings: Settings) -> socket.socket | None:
    if settings.metrics_fd >= 0:
        return socket.socket(fileno=settings.metrics_fd)
    if settings.metrics_port < 0:
        return None
    family = socket.AF_INET6 if ":" in settings.metrics_host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.metrics_host, settings.metrics_port))
    except OSError as error:
        listening.close()
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        raise SettingsError(f"{variable('metrics_port')}: cannot listen on {where}: {error.strerror}") from None
    return listening
