"""Every endpoint of every dialect under hundreds of random requests: never a crash, always the documented shape."""

import asyncio
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from yarl import URL

from gateway.dialects import DIALECTS
from gateway.endpoint import Endpoint
from gateway.live import sse
from gateway.refusals import Refusal
from shared import credentials
from shared.contracts.keys import Style
from shared.contracts.modes import Mode
from tests import described
from tests.client import Answer, Client
from tests.gateway.answers import RATE_HEADERS, problem
from tests.servers import free_port
from tests.world import PATIENT, Gateway, World

BY_NAME = {dialect.name: dialect for dialect in DIALECTS}
INVALID = ("VALIDATION_ERROR", "ValidationError", "UnprocessableEntity")
ROUNDS, ROUND = 40, 20  # requests of one round are under way at the same time

# Stand for the ids of what exists.
KEY, MINE, HOOK, SENT = "<key>", "<mine>", "<hook>", "<sent>"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SEARCH", "PROPFIND", "PURGE"]
URLS = ["https://example.com", "http://127.0.0.1:8080/x", "javascript:alert(1)", "https://münchen.de/ä", "//x", ""]


class Request(msgspec.Struct, frozen=True):
    dialect: str
    method: str
    path: str
    query: str
    body: bytes | None
    headers: dict[str, str]


texts = st.one_of(st.text(max_size=20), st.sampled_from([*URLS, "minimal", "x" * 300, "x" * 5000, "null", "\0", "7d"]))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def values(info: Any) -> st.SearchStrategy[Any]:
    """What a field takes by its type, and now and then anything else."""
    if isinstance(info, msgspec.inspect.Metadata):
        return values(info.type)
    if isinstance(info, msgspec.inspect.UnionType):
        return st.one_of(*map(values, info.types))
    fitting: dict[type, st.SearchStrategy[Any]] = {
        msgspec.inspect.StrType: texts,
        msgspec.inspect.IntType: st.integers(-2, 200) | st.integers(),
        msgspec.inspect.BoolType: st.booleans(),
        msgspec.inspect.NoneType: st.none(),
    }
    if isinstance(info, msgspec.inspect.LiteralType):
        return st.sampled_from([*info.values, "other"])
    return fitting.get(type(info), anything)


@st.composite
def objects(draw: st.DrawFn, kind: type[Any], least: float) -> dict[str, Any]:
    """An object of a type with some of its fields, and now and then with a foreign one."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    given: dict[str, Any] = {}
    for field in info.fields:
        if field.required or draw(st.floats(0, 1)) < least:
            given[field.encode_name] = draw(st.one_of(values(field.type), values(field.type), anything))
    if draw(st.integers(0, 9)) == 0:
        given[draw(texts)] = draw(anything)
    return given


@st.composite
def bodies(draw: st.DrawFn, kind: type[Any] | None) -> bytes | None:
    raw = st.none() | st.binary(max_size=60) | anything.map(encoded)
    # A body of bytes is a file.
    if kind in (None, bytes) or draw(st.integers(0, 4)) == 0:
        return draw(raw)
    body = encoded(draw(objects(kind, 0.5)))
    if draw(st.integers(0, 9)) == 0 and body:
        # One byte is another: broken marks, broken characters, other numbers.
        place = draw(st.integers(0, len(body) - 1))
        body = body[:place] + draw(st.binary(min_size=0, max_size=3)) + body[place + 1 :]
    return body


@st.composite
def queries(draw: st.DrawFn, kind: type[Any] | None) -> str:
    if kind is None or draw(st.integers(0, 3)) == 0:
        return draw(st.just("") | st.text(string.printable.strip(), max_size=30).map(lambda text: quote(text, "&=%+;")))
    given = draw(objects(kind, 0.5))
    pairs = [(name, value if isinstance(value, str) else str(value).lower()) for name, value in given.items()]
    if pairs and draw(st.integers(0, 9)) == 0:
        pairs.append(draw(st.sampled_from(pairs)))
    return urlencode(pairs, errors="replace")


@st.composite
def paths(draw: st.DrawFn, endpoint: Endpoint) -> str:
    if draw(st.integers(0, 9)) == 0:
        return "/" + draw(st.text(max_size=20).map(lambda text: quote(text, "/", errors="replace")))
    path = endpoint.path
    for parameter in endpoint.parameters:
        other = st.text(max_size=30).map(lambda text: quote(text, "", errors="replace"))
        ids = st.sampled_from(
            [MINE, HOOK, SENT, "lnk_0000000000000000000000", "minimal", "nobody", "%00", "a%2Fb", "%C3%A9"]
        )
        usual = SENT if parameter == "deliveryId" else HOOK if path.startswith("/webhooks") else MINE
        path = path.replace("{" + parameter + "}", draw(st.just(usual) | ids | other))
    return path


odd_values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30)
odd_keys = st.one_of(
    st.sampled_from(["", " ", "Bearer", "Bearer ", "Basic YTpi", "Bearer ezx_", "Bearer Bearer x", "x" * 5000]),
    st.sampled_from(list(Style)).map(lambda style: f"Bearer {credentials.mint(style, Mode.LIVE)}"),
    odd_values,
    odd_values.map("Bearer {}".format),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    dialect = draw(st.sampled_from(DIALECTS))
    endpoint = draw(st.sampled_from(dialect.endpoints))
    method = draw(st.sampled_from(METHODS)) if draw(st.integers(0, 9)) == 0 else endpoint.method
    headers = {"Authorization": f"Bearer {KEY}"}
    if draw(st.integers(0, 4)) == 0:
        names = st.sampled_from(["Authorization", "X-API-Key", "Content-Type", "Accept", "X-Forwarded-For", "Origin"])
        headers |= draw(st.dictionaries(names, odd_keys, max_size=3))
    path, query, body = draw(paths(endpoint)), draw(queries(endpoint.query)), draw(bodies(endpoint.body))
    return Request(dialect.name, method, path, query, body, headers)


def encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return b'"\\ud800"'


@pytest.fixture(scope="module")
def said_before(world: World) -> dict[Path, int]:
    """How long the services' logs have become by the deeds of others, in bytes."""
    return {process.log: process.log.stat().st_size for process in world.services.values()}


@pytest.fixture(scope="module")
async def open_gateway(world: World, said_before: dict[Path, int]) -> AsyncIterator[Gateway]:
    """One that keeps every limit, and whose limits nobody reaches."""
    plenty = 10_000_000
    started = await world.start_gateway(
        "gateway-fuzz",
        limit_address_per_minute=plenty,
        limit_address_keyed_per_minute=plenty,
        limit_user_per_hour=plenty,
        **PATIENT,
    )
    yield started
    await started.process.stop()


@pytest.fixture
async def mine(client: Client, open_gateway: Gateway) -> tuple[Client, dict[str, str]]:
    hook = {"url": f"http://127.0.0.1:{free_port()}/", "events": ["*"]}
    webhook = (await client.post("/api/use/webhooks", hook)).json["id"]
    sent = (await client.post(f"/api/use/webhooks/{webhook}/test")).json["id"]
    return client.at(open_gateway.url), {MINE: (await client.new_link())["id"], HOOK: webhook, SENT: sent}


async def send(session: aiohttp.ClientSession, client: Client, ids: dict[str, str], request: Request) -> Answer:
    headers = {name: value.replace(KEY, client.key or "") for name, value in request.headers.items()}
    target = BY_NAME[request.dialect].prefix + request.path
    for name, value in ids.items():
        target = target.replace(name, value)
    if request.query:
        target += f"?{request.query}"
    url = URL(client.url + target, encoded=True)
    async with session.request(
        request.method, url, data=request.body, headers=headers, allow_redirects=False
    ) as answer:
        streams = answer.content_type == sse.MEDIA_TYPE and request.method != "HEAD"
        return Answer(answer.status, answer.headers, await (answer.content.readany() if streams else answer.read()))


def check(request: Request, answer: Answer) -> None:
    assert answer.status < 500
    path = BY_NAME[request.dialect].prefix + request.path
    described.check(request.method, path, answer.status, answer.headers, answer.body)
    for header in (*RATE_HEADERS, "X-Request-Id"):
        assert answer.headers.get(header), header
    if request.method == "HEAD" or answer.status == 204:
        assert answer.body == b""
    elif answer.status >= 400:
        found = problem(BY_NAME[request.dialect], answer)
        unreached = answer.status == Refusal.TARGET.status
        assert found.fields or unreached or found.code not in INVALID
    elif answer.headers["Content-Type"] == sse.MEDIA_TYPE:
        assert answer.body.startswith(b"retry: ")
    elif answer.headers["Content-Type"] == "application/json":
        assert msgspec.json.decode(answer.body)


# Requests are large now and then, which Hypothesis warns of as it describes them.
@pytest.mark.filterwarnings("ignore:Generating overly large repr:hypothesis.errors.HypothesisWarning")
@settings(
    max_examples=ROUNDS,
    # What has failed is told as it is: looking for a smaller failure would take many times as long.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(requests(), min_size=ROUND, max_size=ROUND))
async def test_no_request_brings_a_dialect_out_of_its_shape(
    session: aiohttp.ClientSession, mine: tuple[Client, dict[str, str]], several: list[Request]
) -> None:
    answers = await asyncio.gather(*(send(session, *mine, request) for request in several))
    for request, answer in zip(several, answers, strict=True):
        try:
            check(request, answer)
        except Exception as error:
            error.add_note(f"{request}\n{answer.status} {dict(answer.headers)}\n{answer.body[:500]!r}")
            raise


def test_none_of_them_has_caused_a_crash_inside(open_gateway: Gateway, said_before: dict[Path, int]) -> None:
    logs = said_before | {open_gateway.process.log: 0}
    lines = [line for log, before in logs.items() for line in log.read_bytes()[before:].splitlines()]
    assert not [line for line in lines if b'"exception"' in line]
