"""What every answer of /api/use carries, and what is answered when the house is not in order."""

import logging
import time
from typing import Any

import msgspec
import pytest

from gateway import limits
from gateway.addresses import Addresses
from gateway.admission import Admission
from gateway.dialects.dialect import mount
from gateway.dialects.use import USE
from gateway.endpoint import Call, Endpoint
from gateway.keyring import Keyring
from gateway.limits import Limiter
from gateway.requests import Requests
from gateway.streaming import Places
from gateway.uses import Uses
from shared.contracts.keys import Style, Window
from tests.client import Client, NewClient, until
from tests.gateway.answers import RATE_HEADERS
from tests.world import World


async def test_every_answer_carries_the_rate_headers(world: World, new_client: NewClient, client: Client) -> None:
    gateway = await world.start_gateway("gateway-use-headers")
    client = client.at(gateway.url)
    nobody = client.with_key(None)
    poor = (await new_client(client.account, scopes=("links:read",))).at(gateway.url)
    made = await client.post("/api/use/links", {"destinationUrl": "https://example.com"})
    for answer, status in (
        (made, 201),
        (await nobody.get("/api/use"), 200),
        (await client.get("/api/use"), 200),
        (await client.get("/api/use/links/export"), 200),
        (await client.delete(f"/api/use/links/{made.json['id']}"), 204),
        (await client.get("/api/use/links?page=0"), 400),
        (await nobody.get("/api/use/links"), 401),
        (await client.with_key("lzly_live_wrong").get("/api/use/links"), 401),
        (await poor.post("/api/use/links", {}), 403),
        (await nobody.get("/api/use/nowhere"), 404),
        (await client.put("/api/use/links"), 405),
    ):
        assert answer.status == status
        assert all(answer.headers[name] for name in RATE_HEADERS), answer
        assert int(answer.headers["X-RateLimit-Remaining"]) < int(answer.headers["X-RateLimit-Limit"])
    await gateway.process.stop()


async def test_past_the_limit_the_time_to_wait_is_told(new_client: NewClient) -> None:
    client = await new_client(limit=2, window=Window.MINUTE)
    began = time.time()
    answers = [await client.get("/api/use/tags") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].json["error"] == "RateLimitExceeded"
    wait = int(answers[-1].headers["Retry-After"])
    assert 1 <= wait <= 61
    assert began + wait - 2 <= int(answers[-1].headers["X-RateLimit-Reset"]) <= time.time() + wait + 2


@pytest.mark.parametrize("style", list(Style))
async def test_keys_of_both_styles_work_in_both_headers(new_client: NewClient, style: Style) -> None:
    client = await new_client(style=style)
    assert (await client.get("/api/use/links")).status == 200
    shown = await client.with_key(None).get("/api/use/links", headers={"X-API-Key": client.key or ""})
    assert shown.status == 200


async def test_a_service_that_is_away_is_unavailable(world: World, client: Client) -> None:
    await world.services["analytics"].stop()
    try:
        answer = await client.get("/api/use/analytics")
        assert (answer.status, answer.json["error"]) == (503, "ServiceUnavailable")
        assert (await client.get("/api/use/links")).status == 200
    finally:
        await world.services["analytics"].start()
    await until(lambda: client.get("/api/use/analytics"), lambda answer: answer.status == 200, seconds=20)


async def test_while_webhooks_are_away_the_rest_goes_on(world: World, client: Client) -> None:
    await world.services["webhooks"].stop()
    try:
        answer = await client.get("/api/use/webhooks")
        assert (answer.status, answer.json["error"]) == (503, "ServiceUnavailable")
        assert (await client.post("/api/use/links", {"destinationUrl": "https://example.com"})).status == 201
    finally:
        await world.services["webhooks"].start()
    await until(lambda: client.get("/api/use/webhooks"), lambda answer: answer.status == 200, seconds=20)


async def test_a_crash_is_an_internal_error_that_tells_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def crash(call: Call) -> str:
        """Something that nobody has thought of."""
        raise ZeroDivisionError("the secret inside")

    settings = world.settings("crash")
    dialect = msgspec.structs.replace(USE, endpoints=(Endpoint("GET", "/crash", crash, scope=None),))
    limiter, keyring = Limiter(limits.connect(settings), settings), Keyring(world.bus, settings)
    admission = Admission(keyring, limiter, Addresses(""), settings)
    places = Places(keyring, world.bus, settings)
    uses = Uses(world.bus, settings)
    served = mount([dialect], admission, uses, places, Requests(settings), world.bus, settings)[USE.prefix]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/use/crash",
        "root_path": "/api/use",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    with caplog.at_level(logging.ERROR):
        await served(scope, receive, send)
    error = msgspec.json.decode(sent[1]["body"])
    assert (sent[0]["status"], error["statusCode"], error["error"]) == (500, 500, "InternalError")
    assert "secret" not in str(sent)
    assert "the secret inside" in caplog.text
    await limiter.close()
