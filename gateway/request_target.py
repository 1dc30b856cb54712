"""The target of a request: what a client has written between its method and the version (RFC 9112, 3.2)."""

import re
from urllib.parse import unquote

_ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


def split(target: bytes) -> tuple[bytes | None, bytes]:
    """The host that a target in absolute form names, else None; and the target in origin form.

    It may be as little of a target as has arrived.
    """
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        return None, target
    rest = target[absolute.end() :]
    # A name and a password before the host are nobody's business here.
    host = absolute[1].rpartition(b"@")[2]
    return host, rest if rest.startswith(b"/") else b"/" + rest


def path_of(target: bytes) -> str:
    """As the routes see it: without a host, a query and a fragment, and decoded."""
    _, rest = split(target)
    return unquote(re.split(rb"[?#]", rest, maxsplit=1)[0].decode("latin-1"))
