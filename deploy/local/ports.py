"""Ports: a free one for a server of ours, and the public one that the gateways share."""

import errno
import random
import socket

import psutil

from deploy.local.trouble import Trouble

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


def listen(host: str, port: int) -> socket.socket:
    """The public socket, listening; 0 means any free port. Raises `Trouble` when it is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except PermissionError:
        listener.close()
        raise Trouble(f"Port {port} is not allowed for this user: choose one above 1023 with --port N") from None
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Trouble(
                f"Port {port} is taken{_taker(port)}: choose another with --port N, or any free one with --port 0"
            ) from None
        raise Trouble(f"{host}:{port} cannot be listened on ({error.strerror or error})") from error
    return listener


def url(listener: socket.socket) -> str:
    """Where the public socket is reached from this machine."""
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
