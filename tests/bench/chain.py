"""The yardstick of an API read: the same servers and as many processes, and of each step only the barest.

``front``: a Starlette route that runs one small script in Valkey and asks one question over NATS. ``back``: answers it
with one row of PostgreSQL, found by its primary key. No keys are checked, nothing is validated, nothing is paged.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import nats
import redis.asyncio
import uvloop
from nats.aio.msg import Msg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.settings import Settings
from tests.bench import bare

PATH = "/point"
SUBJECT = "bench.point"
_COUNT = "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n"
_FIND = """
    select id, workspace, slug, destination_url, title, active, position, clicks, created_at, updated_at
    from links where id = $1
"""


def front(settings: Settings, port: int, link: str) -> None:
    @contextlib.asynccontextmanager
    async def connected(app: Starlette) -> AsyncIterator[None]:
        app.state.nats = await nats.connect(settings.nats_url)
        app.state.valkey = redis.asyncio.from_url(settings.redis_url)
        app.state.script = app.state.valkey.register_script(_COUNT)
        yield
        await app.state.valkey.aclose()
        await app.state.nats.close()

    async def point(request: Request) -> Response:
        state = request.app.state
        await state.script(keys=["bench:count"], args=[3600])
        answer = await state.nats.request(SUBJECT, link.encode(), timeout=2)
        return Response(answer.data, media_type="application/json")

    bare.serve(Starlette(routes=[Route(PATH, point)], lifespan=connected), port)


async def back(settings: Settings) -> None:
    client = await nats.connect(settings.nats_url)
    tasks: set[asyncio.Task[None]] = set()
    size = settings.database_pool_size
    async with asyncpg.create_pool(settings.database_url, min_size=size, max_size=size) as pool:

        async def answer(message: Msg) -> None:
            row = await pool.fetchrow(_FIND, message.data.decode())
            assert row
            await message.respond(msgspec.json.encode(dict(row)))

        async def take(message: Msg) -> None:
            # The client library waits for one callback before it calls the next.
            task = asyncio.create_task(answer(message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        await client.subscribe(SUBJECT, cb=take)
        await client.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "front":
        front(Settings.read(os.environ), int(sys.argv[2]), sys.argv[3])
    else:
        uvloop.run(back(Settings.read(os.environ)))
