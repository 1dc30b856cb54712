"""What this API offers, for whoever comes without a key."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.endpoint import Call, Endpoint


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    description: str
    permission: str | None


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    status: Literal["operational", "degraded"]
    documentation: str
    endpoints: tuple[Offer, ...]


def endpoints(prefix: str, resources: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoint that tells of ``resources`` and of itself."""

    async def discover(call: Call) -> Discovery:
        """The version and the health of this API, and what can be done with it."""
        return Discovery(
            name="Waypost",
            version="v1",
            status="operational" if call.bus.connected else "degraded",
            documentation=f"{call.settings.public_url}/api/docs",
            endpoints=offers,
        )

    entrance = Endpoint("GET", "", discover, scope=None)
    offers = tuple(_offer(prefix, endpoint) for endpoint in (entrance, *resources))
    return (entrance,)


def _offer(prefix: str, endpoint: Endpoint) -> Offer:
    return Offer(
        method=endpoint.method,
        path=prefix + endpoint.path,
        description=endpoint.summary,
        permission=endpoint.scope,
    )
