"""Where answers come in: one subscription for all questions of a connection, and a number for each."""

import asyncio
import itertools

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import Header

_NO_RESPONDERS = "503"


class Inbox:
    """The client library has one too, which takes twice the time for names that nobody could guess."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._address = ""
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Msg | None]] = {}

    async def open(self) -> None:
        self._address = f"{self._client.new_inbox()}."
        await self._client.subscribe(f"{self._address}*", cb=self._take)

    async def request(self, subject: str, payload: bytes, timeout: float, headers: dict[str, str]) -> Msg:
        """Raises what nats-py raises: NoRespondersError, TimeoutError, and whatever keeps a message from leaving."""
        number = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg | None] = loop.create_future()
        self._waiting[number] = answer
        timer = loop.call_later(timeout, _give_up, answer)
        try:
            await self._client.publish(subject, payload, reply=self._address + number, headers=headers)
            message = await answer
        finally:
            timer.cancel()
            del self._waiting[number]
        if message is None:
            raise nats.errors.TimeoutError
        if message.headers and message.headers.get(Header.STATUS) == _NO_RESPONDERS:
            raise nats.errors.NoRespondersError
        return message

    async def _take(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject[len(self._address) :])
        if answer is not None and not answer.done():
            answer.set_result(message)


def _give_up(answer: "asyncio.Future[Msg | None]") -> None:
    if not answer.done():
        answer.set_result(None)
