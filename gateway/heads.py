"""What the head of a request may hold: how much, and which host it names."""

from gateway import request_target
from gateway.refusals import Refusal
from shared.settings import Settings

Lines = list[tuple[bytes, bytes]]  # names in lower case, and values


def refusal_of(
    target: bytes, lines: Lines, names: list[bytes], version: str, received: int, settings: Settings
) -> Refusal | None:
    """Why a whole head is not taken. ``names``: of its lines; ``received``: bytes, since the request began."""
    if len(target) > settings.url_limit_bytes:
        return Refusal.TARGET
    # What has arrived in all is at least as much as the headers, and hardly ever near the limit.
    if len(lines) > settings.header_limit_count or (
        received > settings.header_limit_bytes and _size(lines) > settings.header_limit_bytes
    ):
        return Refusal.HEADERS
    hosts = names.count(b"host")
    if hosts != 1 and (hosts or version != "1.0"):
        return Refusal.HOST
    if not target.startswith(b"/") and request_target.split(target)[0] == b"":
        return Refusal.HOST
    return None


def refusal_of_unfinished(target: bytes, lines: Lines, received: int, settings: Settings) -> Refusal | None:
    """Why the rest of a head need not be waited for."""
    if len(target) > settings.url_limit_bytes:
        return Refusal.TARGET
    if len(lines) > settings.header_limit_count or received > settings.header_limit_bytes + len(target):
        return Refusal.HEADERS
    return None


def take_host_of(target: bytes, lines: Lines) -> bytes:
    """The target in origin form. One in absolute form names the host, whatever the header says (RFC 9112, 3.2.2)."""
    host, rest = request_target.split(target)
    if host is not None:
        lines[:] = [(b"host", host), *(line for line in lines if line[0] != b"host")]
    return rest


def _size(lines: Lines) -> int:
    """As they were sent: with a colon, a space and the end of the line."""
    return sum(len(name) + len(value) + 4 for name, value in lines)
