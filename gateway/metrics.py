"""``GET /metrics``: what this process has counted, for whoever watches it from a network of the operator's."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from gateway.addresses import Addresses
from gateway.memory import Memory
from gateway.pages import link as pages
from gateway.redirect.door import show
from gateway.wire import header
from shared.settings import Settings, SettingsError

# A proxy that nobody has named as trusted hides its clients behind its own address.
_FORWARDED = (b"x-forwarded-for", b"x-real-ip", b"forwarded", b"via")


class Metrics:
    def __init__(self, addresses: Addresses, settings: Settings) -> None:
        self._addresses = addresses
        self._proxied = bool(settings.trusted_proxies)
        try:
            self._networks = tuple(map(ipaddress.ip_network, settings.metrics_networks))
        except ValueError as error:
            raise SettingsError(f"WAYPOST_METRICS_NETWORKS: {error}") from None

    async def page(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD") or not self._may_read(scope):
            await show(send, pages.not_found())
            return
        body = generate_latest(REGISTRY)
        headers = [
            (b"content-type", CONTENT_TYPE_LATEST.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _may_read(self, scope: Scope) -> bool:
        if not self._proxied and any(header(scope, name) is not None for name in _FORWARDED):
            return False
        try:
            address = ipaddress.ip_address(self._addresses.of(scope))
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class MemoryCollector(Collector):
    """How well the memories do, by what they remember."""

    def __init__(self, **memories: Memory[Any, Any]) -> None:
        self._memories = memories

    def collect(self) -> Iterator[Metric]:
        looks = CounterMetricFamily(
            "waypost_memory_looks", "Look-ups: known, asked for, or old and good enough.", labels=["memory", "outcome"]
        )
        entries = GaugeMetricFamily("waypost_memory_entries", "Answers that are remembered.", labels=["memory"])
        most = GaugeMetricFamily("waypost_memory_entries_most", "As many are remembered at most.", labels=["memory"])
        for name, memory in self._memories.items():
            looks.add_metric([name, "hit"], memory.hits)
            looks.add_metric([name, "miss"], memory.misses)
            looks.add_metric([name, "makeshift"], memory.makeshifts)
            entries.add_metric([name], len(memory))
            most.add_metric([name], memory.most)
        yield from (looks, entries, most)
