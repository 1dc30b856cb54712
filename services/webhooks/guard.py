"""Messages go to public addresses only: checked when an endpoint is registered and at every connection that is made.

A name is resolved once for each connection, all of its addresses are checked, and the connection goes to exactly those:
there is no second look-up that could be answered differently. Addresses that stand in the URL itself ask no resolver,
so that whoever makes the sockets checks once more where each of them leads.
"""

import asyncio
import logging
import socket

import aiodns
import pycares
from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.webhooks import addresses
from shared.faults import Code, Fault
from shared.settings import Settings

# What listens there takes any line that it is sent for a command or a mail, and HTTP has room for lines of the sender's
# choosing. Browsers keep away from these, too.
FORBIDDEN_PORTS = frozenset(
    (1, 7, 9, 13, 19, 21, 22, 23, 25, 53, 110, 111, 119, 143, 465, 514, 587, 993, 995, 6379, 11211)
)

log = logging.getLogger(__name__)

NOT_PUBLIC = "The address leads, or may lead, to a network that is not public"

# (family, type, protocol, canonical name, socket address)
_Way = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class Refused(OSError):
    """Not an address for us to connect to; the text is fit for the eyes of the endpoint's owner."""


class Guard:
    """Of one process. Made in its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = addresses.networks(settings.webhook_allow_cidrs)
        self.resolver = Resolver(settings, self._allowed)

    def connector(self, keep_alive_seconds: float) -> TCPConnector:
        return TCPConnector(
            resolver=self.resolver,
            use_dns_cache=False,  # c-ares remembers answers for as long as they are good
            socket_factory=self._socket,
            limit=0,  # whoever sends has a limit of its own
            keepalive_timeout=keep_alive_seconds,
        )

    async def close(self) -> None:
        await self.resolver.close()

    def _socket(self, way: _Way) -> socket.socket:
        family, kind, protocol, _, address = way
        if not isinstance(address[0], str) or not addresses.permitted(address[0], self._allowed):
            raise Refused(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)


class Resolver(AbstractResolver):
    """The addresses of a name, all of them permitted, or none.

    c-ares instead of the system's resolver: that one works in a few threads that all share, so a few names whose
    servers keep silent would hold up the messages to everybody else.
    """

    def __init__(self, settings: Settings, allowed: tuple[addresses.Network, ...]) -> None:
        self._allowed = allowed
        self._names = aiodns.DNSResolver(
            nameservers=settings.webhook_dns_servers or None,
            flags=pycares.ARES_FLAG_NOSEARCH,  # a name is a whole name, whatever the machine's own domain is
        )

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            found = await self._names.getaddrinfo(host, family, port, type=socket.SOCK_STREAM)
        except (aiodns.error.DNSError, UnicodeError) as error:
            raise OSError(None, "The name cannot be resolved") from error
        way = [(node.family, node.addr[0].decode("ascii"), node.addr[1], node.addr[2:]) for node in found.nodes]
        if not way:
            raise OSError(None, "The name has no addresses")
        # One address of several is reason enough: which of them is taken, nobody knows beforehand. The last part of an
        # IPv6 address is its zone, and what has one is no public address.
        if not all(addresses.permitted(address, self._allowed) and not any(more) for _, address, _, more in way):
            raise Refused(NOT_PUBLIC)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=its_family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for its_family, address, port, _ in way
        ]

    async def close(self) -> None:
        await self._names.close()


async def check_url(url: str, settings: Settings) -> None:
    """IMPOSSIBLE when no message may go there. A name that nobody knows yet passes: each attempt looks anew."""
    guard = Guard(settings)
    try:
        check_port(URL(url, encoded=True))
        async with asyncio.timeout(settings.webhook_check_timeout_seconds):
            await guard.resolver.resolve(URL(url, encoded=True).raw_host or "")
    except Refused as refusal:
        raise Fault(Code.IMPOSSIBLE, str(refusal), field="url") from None
    except OSError as error:  # TimeoutError included
        log.info("The host of a new endpoint could not be looked up: %s", str(error) or "no answer")
    finally:
        await guard.close()


def check_port(url: URL) -> None:
    if url.port in FORBIDDEN_PORTS:
        raise Refused("The port of the address belongs to something else than a web server")
