"""Whose request is it: the client's address, and whether a proxy may speak for it."""

import ipaddress
from collections.abc import Iterable

from starlette.types import Scope

from shared.settings import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Reads the client's address from a connection; believes ``X-Forwarded-For`` of trusted proxies only."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        try:
            self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(proxy) for proxy in trusted_proxies)
        except ValueError as error:
            raise SettingsError(f"WAYPOST_TRUSTED_PROXIES: {error}") from None

    def of(self, scope: Scope) -> str:
        client = scope.get("client")
        peer: str = client[0] if client else ""
        if not self._trusted or not self._trusts(peer):
            return peer
        forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        # From the right, each hop was written by the one after it; the first that is no proxy of ours is the client.
        for hop in reversed(",".join(forwarded).split(",")):
            hop = hop.strip()
            if not _is_address(hop):
                return peer
            if not self._trusts(hop):
                return hop
            peer = hop
        return peer

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
