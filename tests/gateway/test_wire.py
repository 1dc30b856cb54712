"""Bodies and query strings that cannot be read: always 400, always with the field, whatever it is and wherever."""

import asyncio
import math
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from gateway import wire
from gateway.dialects import DIALECTS
from gateway.dialects.dialect import Dialect
from gateway.endpoint import Endpoint
from shared.faults import Code, Fault
from tests.client import Client
from tests.domains import claim
from tests.gateway.answers import problem

MOST = 2**63 - 1  # what the bus and the database can carry


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    some_count: Annotated[int, Meta(ge=0, le=10)] = 0
    names: list[str] = []


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    need_this: str
    inner: Inner | None = None
    rows: list[Inner] = []
    by_name: dict[str, list[int]] = {}
    by_number: dict[int, int] = {}
    ratio: Annotated[float, Meta(ge=0, le=1)] = 0.0


DECODER = msgspec.json.Decoder(Outer)


def refusal(body: bytes) -> Fault:
    with pytest.raises(Fault) as caught:
        wire.decode_body(DECODER, body)
    assert caught.value.code is Code.INVALID
    assert len(caught.value.details) == 1
    wire.encode(list(caught.value.details))
    wire.encode(caught.value.message)
    return caught.value


PLACES = [
    (b"{}", "needThis", "is required"),
    (b'{"needThis":1}', "needThis", "Expected `str`"),
    (b'{"needThis":"x","inner":{"someCount":11}}', "inner.someCount", "<= 10"),
    (b'{"needThis":"x","inner":{"names":["a",2]}}', "inner.names[1]", "Expected `str`"),
    (b'{"needThis":"x","inner":{"other":1}}', "inner.other", "is not known here"),
    (b'{"needThis":"x","rows":[{},{"someCount":"1"}]}', "rows[1].someCount", "Expected `int`"),
    (b'{"needThis":"x","rows":[{},{"count":1}]}', "rows[1].count", "is not known here"),
    (b'{"needThis":"x","rows":[[]]}', "rows[0]", "Expected `object`"),
    (b'{"needThis":"x","rows":{}}', "rows", "Expected `array`"),
    (b'{"needThis":"x","byName":{"a":[1,"2"]}}', "byName[...][1]", "Expected `int`"),
    (b'{"needThis":"x","byNumber":{"a":1}}', "byNumber", "Expected `int`"),
    (b'{"needThis":"x","ratio":1e999}', "ratio", "out of range"),
    (b'{"needThis":"x","ratio":-0.1}', "ratio", ">= 0"),
    (b"[1]", "body", "Expected `object`"),
    (b"7", "body", "Expected `object`"),
    (b"", "body", "needs a JSON body"),
    (b'{"needThis":"x"', "body", "not valid JSON"),
    (b'{"needThis":"x"} {}', "body", "not valid JSON"),
    (b'\xef\xbb\xbf{"needThis":"x"}', "body", "not valid JSON"),
    (b'{"needThis":"x","ratio":NaN}', "body", "not valid JSON"),
    (b'{"needThis":"\xff"}', "body", "UTF-8"),
    (b'{"needThis":"\xed\xa0\x80"}', "body", "UTF-8"),
    (b'{"\xed\xa0\x80":1}', "body", "UTF-8"),
    (b'{"needThis":"\\ud800"}', "needThis", "half a character"),
    (b'{"needThis":"a\\udc00\\ud800b"}', "needThis", "half a character"),
    (b'{"needThis":"x","inner":{"names":["a","\\udfff!"]}}', "inner", "half a character"),
    (b'{"needThis":"x","b\\ud800y":1}', "b?y", "half a character"),
    (b'["\\ud800"]', "body", ""),
    (b'{"needThis":"x","a`b":1}', "a`b", "is not known here"),
    (b'{"needThis":"x","a - at `$.b`":1}', "a - at `$.b`", "is not known here"),
]


@pytest.mark.parametrize(("body", "field", "words"), PLACES, ids=lambda value: repr(value)[:50])
def test_a_body_that_cannot_be_read_is_told_with_the_place(body: bytes, field: str, words: str) -> None:
    fault = refusal(body)
    assert fault.details[0]["field"] == field
    assert words in fault.message


@pytest.mark.parametrize(
    "body",
    [
        b'{"needThis":"x","' + b"y" * 200_000 + b'":1}',
        b'{"needThis":"\\ud800","' + b"\\ud800" * 30_000 + b'":1}',
        b'{"a":' * 40_000,
        b"[" * 200_000,
        b"[" * 900 + b"1," * 100_000 + b'"\\ud800"' + b"]" * 900,
        b'{"needThis":' + b"[" * 900 + b'"\\ud800",' + b"1," * 100_000,
        b'{"needThis":"x","ratio":' + b"9" * 200_000 + b"}",
        b'{"needThis":"x","inner":{"someCount":' + b"9" * 200_000 + b"}}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_an_answer_to_a_monstrous_body_is_short_and_quick(body: bytes) -> None:
    took = []
    for _ in range(3):
        began = time.perf_counter()
        fault = refusal(body)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5
    assert len(fault.message) < 300
    assert len(fault.details[0]["field"]) <= wire.LONGEST_NAME + 1


inside = st.text().map(lambda text: b'{"needThis":"x","ratio":%s}' % text.encode(errors="replace"))


@given(st.binary(max_size=40) | inside)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    refused = None
    try:
        wire.decode_body(DECODER, body)
    except Fault as fault:
        refused = fault
    assert refused is None or (refused.code is Code.INVALID and refused.details)


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    q: str = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@pytest.mark.parametrize(
    ("query", "read"),
    [
        (b"", Query()),
        (b"&&", Query()),
        (b"q=", Query()),
        (b"q=a+b", Query(q="a b")),
        (b"q=a%2Bb", Query(q="a+b")),
        (b"q=a%20b", Query(q="a b")),
        (b"q=%C3%A9", Query(q="é")),
        (b"q=100%", Query(q="100%")),
        (b"q=a;limit=3", Query(q="a;limit=3")),
        (b"%71=x&%6Cimit=7", Query(q="x", limit=7)),
    ],
)
def test_a_query_string_is_read_as_forms_write_it(query: bytes, read: Query) -> None:
    assert wire.decode_query(Query, query) == read


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"limit=5&limit=5", "limit"),
        (b"limit=5&%6cimit=6", "limit"),
        (b"=&=", "query"),
        (b"=1", "query"),
        (b"limit=+5", "limit"),
        (b"limit=", "limit"),
        (b"limit", "limit"),
        (b"limit=" + b"9" * 8000, "limit"),
        (b"limit=1" + b"0" * 30, "limit"),
        (b"limit=nan", "limit"),
        (b"q=%ED%A0%80", "query"),
        (b"q=%FF", "query"),
        (b"q=\xff", "query"),
        (b"%ff=1", "query"),
        (b"&".join(b"p%d=1" % n for n in range(51)), "query"),
        (b"&" * 5000, "query"),
        (b"Limit=5", "Limit"),
        (b"limit%00=5", "limit\0"),
        (b"x" * 8000, "x" * wire.LONGEST_NAME + "…"),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("kind", [Query, None])
def test_a_query_string_that_cannot_be_read_is_refused_with_the_parameter(
    query: bytes, field: str, kind: type[Query] | None
) -> None:
    with pytest.raises(Fault) as caught:
        wire.decode_query(kind, query)
    assert caught.value.code is Code.INVALID
    assert len(caught.value.message) < 300
    if kind is not None or field == "query":
        assert [detail["field"] for detail in caught.value.details] == [field]


def test_fifty_parameters_are_not_too_many() -> None:
    kind = msgspec.defstruct("Fifty", [(f"p{n}", str) for n in range(50)])
    read = wire.decode_query(kind, b"&".join(b"p%d=%d" % (n, n) for n in range(50)))
    assert read.p49 == "49"


def numbers(kind: Any, path: str) -> list[tuple[str, Any]]:
    """Every number that a type takes, however deep inside."""
    inner = kind if isinstance(kind, msgspec.inspect.Type) else msgspec.inspect.type_info(kind)
    if isinstance(inner, msgspec.inspect.Metadata):
        return numbers(inner.type, path)
    if isinstance(inner, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return [(path, inner)]
    if isinstance(inner, msgspec.inspect.UnionType):
        return [found for each in inner.types for found in numbers(each, path)]
    if isinstance(inner, msgspec.inspect.StructType):
        return [found for field in inner.fields for found in numbers(field.type, f"{path}.{field.encode_name}")]
    if isinstance(inner, msgspec.inspect.CollectionType):
        return numbers(inner.item_type, path + "[]")
    return []


ENDPOINTS = [(dialect, endpoint) for dialect in DIALECTS for endpoint in dialect.endpoints]


def name(value: Dialect | Endpoint) -> str:
    return value.name if isinstance(value, Dialect) else repr(value)


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
def test_no_number_is_taken_that_the_bus_or_the_database_could_not_carry(dialect: Dialect, endpoint: Endpoint) -> None:
    for part in (endpoint.body, endpoint.query):
        for path, number in numbers(part, "") if part else []:
            assert number.ge is not None or number.gt is not None, path
            assert number.le is not None or number.lt is not None, path
            ends = [end for end in (number.ge, number.gt, number.le, number.lt) if end is not None]
            assert all(math.isfinite(end) and abs(end) <= MOST for end in ends), path


TEXTS = ["\\ud800", "\\udfff and more", "a\\ud83d", "\\ude00\\ud83d", "a\\u0000b"]
NUMBERS = ["9" * 400, "1e400", "-1e400", str(2**63), str(2**64), str(-(2**63) - 1), "1e308", "-0.5", "1.5", "0e999999"]
# What a body needs at least, as JSON.
LEAST = {
    ("v1", "create_link"): {"title": '"A title"', "url": '"https://example.com"'},
    ("use", "create_link"): {"destinationUrl": '"https://example.com"'},
    ("use", "put_external_link"): {"destinationUrl": '"https://example.com"'},
    ("use", "create_domain"): {"domain": '"links.example"'},
    ("use", "create_qr_code"): {"linkId": f'"lnk_{"0" * 22}"'},
    ("use", "create_webhook"): {"url": '"https://example.com"', "events": '["*"]'},
}


def fields(kind: type[Any], of: tuple[type, ...]) -> list[str]:
    def fits(info: Any) -> bool:
        if isinstance(info, msgspec.inspect.Metadata):
            return fits(info.type)
        if isinstance(info, msgspec.inspect.UnionType):
            return any(map(fits, info.types))
        return isinstance(info, of)

    info = msgspec.inspect.type_info(kind)
    if not isinstance(info, msgspec.inspect.StructType):
        return []
    return [field.encode_name for field in info.fields if fits(field.type)]


def trials(kind: type[Any] | None) -> list[tuple[str, str]]:
    """Values that no field may take, for each field of a body; none for a body that is a list or a file."""
    if kind is None:
        return []
    texts = fields(kind, (msgspec.inspect.StrType,))
    found = [(field, f'"{text}"') for field in texts for text in TEXTS]
    return found + [(field, number) for field in fields(kind, (msgspec.inspect.IntType,)) for number in NUMBERS]


async def new_id(client: Client, path: str) -> str:
    """Of what a path is about."""
    if "/domains/" in path:
        return str((await claim(client))["id"])
    if "/qr/" in path:
        link = (await client.new_link())["id"]
        return str((await client.post("/api/use/qr", {"linkId": link})).json["id"])
    if "/webhooks/" not in path:
        return str((await client.new_link())["id"])
    made = await client.post("/api/use/webhooks", {"url": "https://example.com/hook", "events": ["*"]})
    return str(made.json["id"])


@pytest.mark.parametrize(("dialect", "endpoint"), [each for each in ENDPOINTS if trials(each[1].body)], ids=name)
async def test_a_text_that_is_none_and_a_number_beyond_measure_are_refused_with_the_field(
    dialect: Dialect, endpoint: Endpoint, client: Client
) -> None:
    path = dialect.prefix + endpoint.path
    if endpoint.parameters:
        path = path.replace("{id}", await new_id(client, path))
    required = LEAST.get((dialect.name, endpoint.name), {})
    for field, value in trials(endpoint.body):
        values = required | {field: value}
        body = "{" + ",".join(f'"{name}":{each}' for name, each in values.items()) + "}"
        answer = await client.send(endpoint.method, path, data=body.encode())
        assert answer.status == 400, (field, value, answer.body)
        assert problem(dialect, answer).fields == [field], (field, value, answer.body)


RAW = [
    b"GET /v1/links?\xff=1 HTTP/1.1",
    b"GET /v1/links?a=\x01 HTTP/1.1",
    b"GET /v1/\xff\xfe HTTP/1.1",
    b"GET /\xc3\xa9 HTTP/1.1",
    b"GET /@\xf0\x9f\x98\x80 HTTP/1.1",
    b"GET //v1/links HTTP/1.1",
    b"GET /v1//links HTTP/1.1",
    b"GET /v1/../v1/links HTTP/1.1",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
    b"GET /v1/links/%00 HTTP/1.1",
    b"GET /%00 HTTP/1.1",
    b"GET /@%00 HTTP/1.1",
    b"GET /%ED%A0%80 HTTP/1.1",
    b"GET /v1/following/%ED%A0%80 HTTP/1.1",
    b"PUT /v1/following/%ED%A0%80 HTTP/1.1",
    b"PUT /v1/following/%00%0a%0d HTTP/1.1",
    b"POST /v1/templates/%ff/apply HTTP/1.1",
    b"GET http://elsewhere.example/v1/links HTTP/1.1",
    b"GET http://elsewhere.example HTTP/1.1",
    b"GET * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"OPTIONS /v1/links HTTP/1.1",
    b"TRACE / HTTP/1.1",
    b"CONNECT example.com:443 HTTP/1.1",
    b"PROPFIND /v1/links HTTP/1.1",
    b"FROB /v1/links HTTP/1.1",
    b"GET /v1/links HTTP/1.0",
    b"GET /v1/links HTTP/9.9",
    b"GET /v1/links",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET ? HTTP/1.1",
    b"GET /? HTTP/1.1",
    b"GET /%zz%1 HTTP/1.1",
    b"GET /x#fragment HTTP/1.1",
]


@pytest.mark.parametrize("line", RAW, ids=lambda line: repr(line)[:40])
async def test_a_request_line_of_any_kind_is_answered_without_a_crash(client: Client, line: bytes) -> None:
    address = urlsplit(client.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = (client.key or "").encode()
    writer.write(line + b"\r\nHost: a\r\nAuthorization: Bearer " + key + b"\r\nConnection: close\r\n\r\n")
    try:
        async with asyncio.timeout(20):
            answer = await reader.read()
    finally:
        writer.close()
    assert 200 <= int(answer.split(b" ", 2)[1]) < 500, answer
