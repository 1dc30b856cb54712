"""Ports: a free one for a server of ours, the public one that the gateways share, and those to be watched at."""

import errno
import random
import socket
from collections.abc import Sequence

import psutil

from deploy.local.trouble import Trouble
from shared.settings import variable

# Below the range that systems lend to outgoing connections, so that nobody's connection sits on the port of a server
# while that server is being restarted.
_CANDIDATES = range(20_000, 30_000)
_BACKLOG = 1024
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104


def free_port() -> int:
    """A port nobody listens on at 127.0.0.1 right now. It may be gone a moment later; then ask again."""
    for port in random.sample(_CANDIDATES, 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Trouble("No free port was found between 20000 and 29999 at 127.0.0.1")


def listen(host: str, port: int, choice: str = "--port N", any_port: str = "--port 0") -> socket.socket:
    """A socket that listens; 0 means any free port. Raises `Trouble` when it is taken or not allowed.

    ``choice`` and ``any_port`` tell how the operator chooses another, or any free one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except PermissionError:
        listener.close()
        raise Trouble(f"Port {port} is not allowed for this user: choose one above 1023 with {choice}") from None
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Trouble(
                f"Port {port} is taken{_taker(port)}: choose another with {choice}, or any free one with {any_port}"
            ) from None
        raise Trouble(f"{host}:{port} cannot be listened on ({error.strerror or error})") from error
    return listener


def listen_in_a_row(host: str, first: int, names: Sequence[str]) -> dict[str, socket.socket]:
    """A socket for each of ``names`` to be watched at: on ports from ``first`` on, or on any free ones if it is not
    above 0. Raises `Trouble` like `listen`."""
    listeners: dict[str, socket.socket] = {}
    setting = variable("metrics_port")
    try:
        for place, name in enumerate(names):
            port = first + place if first > 0 else 0
            listeners[name] = listen(host, port, f"{setting}=N", f"{setting}=0")
    except Trouble:
        for listener in listeners.values():
            listener.close()
        raise
    return listeners


def url(listener: socket.socket) -> str:
    """Where a socket is reached from this machine."""
    host, port = listener.getsockname()[:2]
    if host in _ANY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _taker(port: int) -> str:
    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        for each in listening:
            if each.pid and each.laddr and each.laddr.port == port:
                return f" by process {each.pid} ({psutil.Process(each.pid).name()})"
    except psutil.Error:
        # Other users' connections are not ours to see everywhere; the port is taken all the same.
        return ""
    return ""
