"""What test keys have made is seen by test keys only, and what live keys have made by live keys only."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.endpoint import Endpoint
from shared.contracts.modes import Mode
from shared.ids import new as new_id
from tests.client import Client, NewClient, until
from tests.domains import claim
from tests.servers import free_port

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"


class Side(NamedTuple):
    """Somebody with a key of one mode, and words of which one is in each thing they have made."""

    client: Client
    mark: str
    link: str
    slug: str
    code: str
    domain: str
    webhook: str
    delivery: str

    def are_in(self, text: str) -> bool:
        return any(word in text for word in (self.mark, self.code, self.webhook))


# The paths with parameters, as somebody fills them in who asks for their own.
PARTS: dict[str, Callable[[Side], str]] = {
    "/links/{id}": lambda side: f"/links/{side.link}",
    "/analytics/links/{id}": lambda side: f"/analytics/links/{side.link}",
    "/links/code/{shortCode}": lambda side: f"/links/code/{side.slug}",
    "/links/external/{externalId}": lambda side: f"/links/external/{side.mark}",
    "/qr/{id}": lambda side: f"/qr/{side.code}",
    "/qr/{id}/image": lambda side: f"/qr/{side.code}/image",
    "/domains/{id}": lambda side: f"/domains/{side.domain}",
    "/webhooks/{id}": lambda side: f"/webhooks/{side.webhook}",
    "/webhooks/{id}/deliveries": lambda side: f"/webhooks/{side.webhook}/deliveries",
    "/webhooks/{id}/deliveries/{deliveryId}": lambda side: f"/webhooks/{side.webhook}/deliveries/{side.delivery}",
}
# These tell of the key or of what is there for all.
WITHOUT_A_MARK = {"use ", "use /key", "use /key/usage", "v1 /templates", "v1 /analytics", "use /qr/{id}/image"}

LOOKS = [
    pytest.param(dialect, endpoint, id=f"{dialect.name} {endpoint!r}")
    for dialect in DIALECTS
    for endpoint in dialect.endpoints
    # A live stream does not end; it has tests of its own.
    if endpoint.method == "GET" and endpoint.path != "/analytics/live"
]


async def begin(client: Client) -> Side:
    mark = f"mark-{new_id().lower()}"  # as reports write campaigns
    fields = {"destinationUrl": f"https://example.com/{mark}", "title": mark, "tags": [mark], "externalId": mark}
    link = (await client.post("/api/use/links", fields)).json
    assert (await client.patch("/v1/profile", {"name": mark})).status == 200
    visit = f"{client.url}/{link['shortCode']}?utm_source={mark}"
    answer = await client.at(visit).with_key(None).get("", headers={"User-Agent": PHONE})
    assert answer.status == 302
    code = (await client.post("/api/use/qr", {"linkId": link["id"], "title": mark})).json["id"]
    hook = {"url": f"http://127.0.0.1:{free_port()}/", "events": ["*"], "description": mark}
    webhook = (await client.post("/api/use/webhooks", hook)).json["id"]
    delivery = (await client.post(f"/api/use/webhooks/{webhook}/test")).json["id"]
    domain = (await claim(client, f"{mark}.example"))["id"]
    return Side(client, mark, link["id"], link["shortCode"], code, domain, webhook, delivery)


async def sees(side: Side, dialect: Dialect, endpoint: Endpoint) -> str:
    path = PARTS[endpoint.path](side) if endpoint.parameters else endpoint.path
    answer = await side.client.get(dialect.prefix + path)
    assert answer.status == 200, answer.body
    return answer.body.decode()


@pytest.fixture
async def sides(new_client: NewClient) -> tuple[Side, Side]:
    live = await new_client()
    return await begin(live), await begin(await new_client(live.account, mode=Mode.TEST))


@pytest.mark.parametrize(("dialect", "endpoint"), LOOKS)
async def test_neither_mode_sees_anything_of_the_other(
    sides: tuple[Side, Side], dialect: Dialect, endpoint: Endpoint
) -> None:
    for side, other in (sides, sides[::-1]):
        # A click is in the reports a little later.
        seen, _ = await until(
            lambda side=side: sees(side, dialect, endpoint),  # type: ignore[misc]
            lambda body, side=side: side.are_in(body) or f"{dialect.name} {endpoint.path}" in WITHOUT_A_MARK,  # type: ignore[misc]
        )
        assert not other.are_in(seen)
