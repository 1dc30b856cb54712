"""Which domain a visitor has come to, by the name of the host that they ask."""

import re

from starlette.types import Scope

from shared import destinations
from shared.destinations import OwnHosts
from shared.settings import Settings

OURS = ""  # the gateway's own public host
NOBODYS = "."  # for what is no name at all: no domain is called so
_LONGEST = 300  # what is longer is no name with a port
_HOST = re.compile(r"(?:([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)?(?::[0-9]*)?", re.ASCII)


class Hosts:
    """Of one gateway. What it has read once it need not read again: nearly all visitors ask a few hosts."""

    def __init__(self, settings: Settings) -> None:
        self._own = OwnHosts.of(settings)
        self._most = settings.domain_cache_entries
        self._known: dict[bytes, str] = {}

    def of(self, scope: Scope) -> str:
        """The domain as links have it. Whether there is one of this name is not looked at: if not, it has no links."""
        for name, value in scope["headers"]:
            if name == b"host":
                domain = self._known.get(value)
                return self._learn(value) if domain is None else domain
        return OURS

    def read(self, host: bytes) -> str:
        """The same of what stands in a ``Host`` header."""
        if len(host) > _LONGEST:
            return NOBODYS
        text = host.decode("latin-1").lower()
        if text.startswith("["):
            return OURS
        parts = _HOST.fullmatch(text)
        if parts is None:
            return NOBODYS
        name = parts[1] or ""
        # Addresses and names without a dot are how machines nearby, and our own, speak of a gateway.
        ours = "." not in name or destinations.is_local(name) or self._own.name(name)
        return OURS if ours else name

    def _learn(self, host: bytes) -> str:
        domain = self.read(host)
        if len(host) <= _LONGEST:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[host] = domain
        return domain
