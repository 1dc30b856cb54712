"""From where a key may be used: networks in one spelling each."""

import ipaddress

from shared.faults import Code, Fault

MOST = 20
_LONGEST = 80  # characters of one network, more than any spelling of one needs
_MAPPED_BITS = 96  # before the IPv4 address in an IPv6 address that carries one


def check(allowlist: tuple[str, ...]) -> tuple[str, ...]:
    """Each network once, as ``192.0.2.0/24`` or ``2001:db8::/32``; an address is a network of its own."""
    if len(allowlist) > MOST:
        raise Fault(Code.INVALID, f"A key's allowlist has up to {MOST} networks", field="allowlist")
    return tuple(dict.fromkeys(map(_normal, allowlist)))


def _normal(text: str) -> str:
    if len(text) > _LONGEST or "%" in text:
        raise _no_network(text)
    try:
        network = ipaddress.ip_network(text, strict=False)
        first = ipaddress.ip_interface(text).ip
    except ValueError:
        raise _no_network(text) from None
    if first != network.network_address:
        # Taken at its length it would let in more than the one address that somebody may have meant.
        words = f"{text} names an address within a network: it is either {first} or {network}"
        raise Fault(Code.INVALID, words, field="allowlist")
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return f"{mapped}/{network.prefixlen - _MAPPED_BITS}"
    return str(network)


def _no_network(text: str) -> Fault:
    words = f"{text[:_LONGEST]!r} is no network: write 192.0.2.0/24, 2001:db8::/32, or one address"
    return Fault(Code.INVALID, words, field="allowlist")
