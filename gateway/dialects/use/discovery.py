"""What this API offers, for whoever comes without a key."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.endpoint import Call, Endpoint


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    method: Annotated[str, Meta(examples=["POST"])]
    path: Annotated[str, Meta(examples=["/api/use/links"])]
    description: Annotated[str, Meta(examples=["Makes a short link."])]
    permission: Annotated[
        str | None, Meta(description="What a key must be allowed; `null`: nothing.", examples=["links:write"])
    ]
    authentication: Annotated[bool, Meta(description="Is a key needed?", examples=[True])]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(examples=["Waypost"])]
    version: Annotated[str, Meta(description="Of this API.", examples=["v1"])]
    status: Annotated[
        Literal["operational", "degraded"],
        Meta(description="Degraded: the services behind it are out of reach.", examples=["operational"]),
    ]
    documentation: Annotated[str, Meta(examples=["https://go.example/api/docs"])]
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
        authentication=not endpoint.open_to_all,
    )
