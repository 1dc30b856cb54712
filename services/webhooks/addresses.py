"""Which addresses are public. Everything else is somebody's inside, and no message goes there unasked.

Nor to this machine, whatever its address is: what listens there may trust whoever is already inside.
"""

import errno
import ipaddress
import socket
from collections.abc import Sequence
from functools import lru_cache

from shared.settings import SettingsError, variable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# `is_global` is a matter of the registry that a Python version knows, so what counts is written here, too.
_NOT_PUBLIC_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # "this network": Linux takes 0.0.0.0 for the loopback
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers; the metadata of one cloud (100.100.100.200) is here
            "127.0.0.0/8",
            "168.63.129.16/32",  # looks public, but within another cloud it is the host's own agent
            "169.254.0.0/16",  # link-local: the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments; metadata again (192.0.0.192)
            "192.0.2.0/24",  # documentation, as are 198.51.100.0/24 and 203.0.113.0/24
            "192.88.99.0/24",  # relays from IPv6
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# Of IPv6 only this part is given out to anybody; the list names what is special within it, Teredo's tunnels first.
_GIVEN_OUT_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
# Reserved, and for what is to be thrown away.
_NOBODYS_4, _NOBODYS_6 = ipaddress.IPv4Address("240.0.0.1"), ipaddress.IPv6Address("100::1")


def permitted(text: str, allowed: Sequence[Network]) -> bool:
    """May a message go to this address? Anything that is not an address in full is refused, zone ids too.

    `OSError` when it cannot be found out.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    return (is_public(address) and not any(map(is_own, _ends(address)))) or _within(address, allowed)


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_4)
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if address in _NAT64:
        return is_public(_last_32_bits(address))
    if address not in _GIVEN_OUT_6 or any(address in network for network in _NOT_PUBLIC_6):
        return False
    return address.is_global and all(map(is_public, _tunnelled(address)))


def is_own(address: Address) -> bool:
    """Is it an address of this machine? Then a socket can be bound to it.

    Where the system binds sockets to any address (Linux: ``ip_nonlocal_bind``) this cannot be told, and the answer is
    no. An address that only a router in front of this machine has is not its own.
    """
    return _binds(address) and not _binds(_NOBODYS_4 if address.version == 4 else _NOBODYS_6)


def networks(cidrs: Sequence[str]) -> tuple[Network, ...]:
    """Those that the operator allows by name; `SettingsError` when one is none."""
    return _networks(tuple(cidrs))


@lru_cache(maxsize=4)
def _networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return tuple(map(ipaddress.ip_network, cidrs))
    except ValueError as error:
        raise SettingsError(f"{variable('webhook_allow_cidrs')}: {error}") from None


def _within(address: Address, allowed: Sequence[Network]) -> bool:
    # Whoever allows an IPv4 network has not thought of the ways to write its addresses in IPv6, but the system has one.
    plain = (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
    return any(plain in network for network in allowed)


def _binds(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return False
        raise
    return True


def _ends(address: Address) -> list[Address]:
    """Where a message to it may come out: there, or at an address that is written inside."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    translated = [_last_32_bits(address)] if address in _NAT64 else []
    return [address, *translated, *_tunnelled(address)]


def _tunnelled(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """A tunnel ends at the IPv4 address that is written inside."""
    inside = []
    if address.sixtofour:
        inside.append(address.sixtofour)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        inside.append(_last_32_bits(address))
    return inside


def _last_32_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
