"""Whose request is it: the client's address, and whether a proxy may speak for it."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from shared.settings import SettingsError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Some proxies add the port: "192.0.2.1:5678", "[2001:db8::1]:5678".
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?", re.ASCII)
_HOST_BITS = 64  # of an IPv6 address: what a network hands out to one customer is at least this large


class Addresses:
    """Reads the client's address from a connection; believes ``X-Forwarded-For`` of trusted proxies only."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        try:
            self._trusted: tuple[Network, ...] = tuple(ipaddress.ip_network(proxy) for proxy in trusted_proxies)
        except ValueError as error:
            raise SettingsError(f"WAYPOST_TRUSTED_PROXIES: {error}") from None

    def of(self, scope: Scope) -> str:
        """In canonical form; an IPv4 address that comes in IPv6 clothes is an IPv4 address. "" for a local socket."""
        client = scope.get("client")
        text: str = client[0] if client else ""
        if not self._trusted and ":" not in text:
            return text
        peer = _read(text)
        if peer is None or not self._trusts(peer):
            return text if peer is None else str(peer)
        forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        # From the right, each hop was written by the one after it; the first that is no proxy of ours is the client.
        for hop in reversed(",".join(forwarded).split(",")):
            address = _read(hop.strip())
            if address is None:
                break
            peer = address
            if not self._trusts(peer):
                break
        return str(peer)

    def comes_from_proxy(self, scope: Scope) -> bool:
        """Whether a proxy of ours has sent it, so that what it says of the request is believed."""
        client = scope.get("client")
        peer = _read(client[0]) if client and self._trusted else None
        return peer is not None and self._trusts(peer)

    def counted(self, scope: Scope) -> str:
        """What limits by address count: an IPv4 address, or the /64 of an IPv6 address.

        Whoever has IPv6 has 2^64 addresses and could take a new one for every request.
        """
        address = self.of(scope)
        if ":" not in address:
            return address
        network = int(ipaddress.IPv6Address(address)) >> _HOST_BITS << _HOST_BITS
        return f"{ipaddress.IPv6Address(network)}/{_HOST_BITS}"

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


# Twenty networks take 30 µs to go through, and the same clients come again and again.
@lru_cache(maxsize=16_384)
def within(address: str, allowlist: tuple[str, ...]) -> bool:
    """Is an address as `Addresses.of` tells it in one of the networks? A local socket, which has none, never is."""
    found = _read(address)
    return found is not None and any(found in network for network in _networks(allowlist))


@lru_cache(maxsize=4096)
def _networks(allowlist: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, allowlist))


def _read(text: str) -> Address | None:
    """None when it is no address: "unknown", a name, rubbish. A zone ("%eth0") means nothing elsewhere and is cut."""
    if match := _WITH_PORT.fullmatch(text):
        text = match["v6"] or match["v4"] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
