"""An API consumer: a base URL, a key, and answers as they come over the wire."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec

from shared.contracts.accounts import Account
from tests import described

AGAIN_SECONDS = 0.2
TRIES = 4


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The word of an error answer."""
        word: str = self.json["error"]["code"]
        return word


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, key: str | None, account: Account | None) -> None:
        self._session = session
        self.url = url
        self.key = key
        self._account = account

    @property
    def account(self) -> Account:
        assert self._account
        return self._account

    def with_key(self, key: str | None) -> "Client":
        return Client(self._session, self.url, key, self._account)

    def at(self, url: str) -> "Client":
        """The same client at another gateway."""
        return Client(self._session, url, self.key, self._account)

    async def send(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        data: bytes | AsyncIterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        given = {"Authorization": f"Bearer {self.key}"} if self.key is not None else {}
        if json is not None:
            data = msgspec.json.encode(json)
        if data is not None:
            given["Content-Type"] = "application/json"
        async with self._session.request(
            method, self.url + path, data=data, headers=given | (headers or {}), allow_redirects=False
        ) as answer:
            body = await answer.read()
        described.check(method, path, answer.status, answer.headers, body)
        return Answer(answer.status, answer.headers, body)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.send("GET", path, **more)

    async def post(self, path: str, json: object = None, **more: Any) -> Answer:
        return await self.send("POST", path, json, **more)

    async def patch(self, path: str, json: object = None, **more: Any) -> Answer:
        return await self.send("PATCH", path, json, **more)

    async def put(self, path: str, **more: Any) -> Answer:
        return await self.send("PUT", path, **more)

    async def delete(self, path: str, **more: Any) -> Answer:
        return await self.send("DELETE", path, **more)

    async def insist(self, path: str, json: object, key: str) -> tuple[Answer, int]:
        """A POST that is repeated under its key as long as the answer asks for it; and at which try it came."""
        tries = 0
        while True:
            tries += 1
            answer = await self.post(path, json, headers={"Idempotency-Key": key})
            if answer.status not in (409, 503, 504):
                return answer, tries
            await asyncio.sleep(AGAIN_SECONDS)

    async def new_link(self, url: str = "https://example.com/there", **fields: object) -> Any:
        """A link by `/v1`, as it was answered."""
        answer = await self.post("/v1/links", {"title": "A link", "url": url} | fields)
        assert answer.status == 201, answer.body
        return answer.json


async def until(
    look: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool], *, seconds: float = 20.0
) -> tuple[Any, float]:
    """Looks until what is seen holds; what was seen and after how many seconds. Fails with the last look."""
    started = time.monotonic()
    while True:
        seen = await look()
        took = time.monotonic() - started
        if holds(seen):
            return seen, took
        assert took < seconds, f"not within {seconds} s; last seen: {seen}"
        await asyncio.sleep(0.01)


async def within(seconds: float, attempt: Callable[[int], Awaitable[float]]) -> None:
    """Makes the attempt, which is told how many there were before and says how long it took, until one was in time.

    A busy machine may stand still in the middle of one of them; what is too slow by itself is so every time.
    """
    took: list[float] = []
    while len(took) < TRIES:
        took.append(await attempt(len(took)))
        if took[-1] <= seconds:
            return
    raise AssertionError(f"none within {seconds} s: {took}")


NewClient = Callable[..., Awaitable[Client]]

_PLACES = (
    (re.compile(r'"(lnk|usr|ws|key|wh|msg|evt|dom)_[0-9A-Za-z]{22}"'), r'"\1_…"'),
    (re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"'), '"<time>"'),
    (re.compile(r'"durationMs":\d+'), '"durationMs":0'),
    (re.compile(r'"date":"\d{4}-\d\d-\d\d"'), '"date":"<day>"'),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<origin>"),
    (re.compile(r'"127\.0\.0\.1:\d+"'), '"<host>"'),
)


def timeless(body: bytes, **names: str) -> Any:
    """An answer with everything that differs from run to run replaced: ids, times, the origin, and given names."""
    text = body.decode()
    for name, value in names.items():
        text = text.replace(value, f"<{name}>")
    for shape, place in _PLACES:
        text = shape.sub(place, text)
    return msgspec.json.decode(text)
