"""The HTTP server around the application: its sockets, its limits, and how it stops."""

import contextlib
import functools
import logging
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from gateway.admission import Counting
from gateway.departure import Departure
from gateway.edge import EdgeProtocol
from gateway.refusals import Words
from shared.settings import Settings, SettingsError

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Leaves the signals to whoever runs it, who has more to end than the server."""

    def __init__(self, config: uvicorn.Config, departure: Departure) -> None:
        super().__init__(config)
        self.departure = departure

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def hand_over(self, app: ASGIApp) -> None:
        """Connections that are opened from now on belong to ``app``."""
        self.config.loaded_app = app


def server(app: ASGIApp, full: ASGIApp, words: Words, counting: Counting, settings: Settings) -> Server:
    """``full`` answers in the place of ``app`` when there are more connections than there may be."""
    departure = Departure()
    protocol = functools.partial(
        EdgeProtocol, settings=settings, words=words, counting=counting, full=full, departure=departure
    )
    config = uvicorn.Config(
        app,
        # Only called, as a class would be.
        http=protocol,  # type: ignore[arg-type]
        ws="none",
        loop="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=2048,
        # Whoever closes an idle connection first must be the client: a request sent into a closing one is lost.
        timeout_keep_alive=int(settings.keep_alive_seconds),
        timeout_graceful_shutdown=int(settings.stop_timeout_seconds),
    )
    config.load()
    return Server(config, departure)


def listen(settings: Settings) -> socket.socket:
    """The socket that the supervisor has opened for us, or one of our own; `SettingsError` when the port is taken."""
    if settings.listen_fd >= 0:
        return socket.socket(fileno=settings.listen_fd)
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.listen_host, settings.listen_port))
    except OSError as error:
        listener.close()
        where = f"{settings.listen_host}:{settings.listen_port}"
        raise SettingsError(f"WAYPOST_LISTEN_PORT: cannot listen on {where}: {error.strerror}") from None
    listener.listen(2048)
    return listener
