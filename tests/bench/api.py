"""A list and a creation through the API, against the least that the same servers can be asked to do."""

import asyncio
import time
from pathlib import Path

import asyncpg
import psutil

from services.links import store
from shared.contracts.links import CreateLink, ListLinks
from shared.contracts.modes import Mode
from shared.ids import base62
from shared.ids import new as new_id
from tests.bench import chain, lab, wrk
from tests.bench.figures import Figure
from tests.bench.lab import Customer, Lab
from tests.bench.wrk import CONNECTIONS, Load, Server, Turn

CUSTOMERS = 64
LINKS_OF_EACH = 50
LIST = "/v1/links?limit=10"


async def list_links() -> list[Figure]:
    async with lab.lab("list") as room, room.gateway() as gateway:
        customers, keys = await equip(room)
        first = customers[0].account.workspace.id
        page = await room.world.bus.ask(ListLinks(workspace=first, mode=Mode.LIVE, limit=1))
        database = {"database_url": room.world.database_url("links")}
        async with (
            room.running("back", "tests.bench.chain", "back", **database) as back,
            room.serving("tests.bench.chain", "front", "PORT", page.links[0].id) as front,
        ):
            ours = Server(gateway.url, (*gateway.pids, room.world.services["links"].pid))
            theirs = Server(front.url, (*front.pids, back.pid))

            async def turn() -> Turn:
                return await wrk.run(ours, Load(LIST, "customers.lua", (str(keys), "GET")), lab.TURN_SECONDS)

            async def chain_turn() -> Turn:
                return await wrk.run(theirs, Load(chain.PATH), lab.TURN_SECONDS)

            return await room.alternate(turn, chain_turn, names=("Waypost", "bare chain"), target=1.0)


async def create_link() -> list[Figure]:
    async with lab.lab("create") as room, room.gateway() as gateway:
        customers, keys = await equip(room)
        ours = Server(gateway.url, (*gateway.pids, room.world.services["links"].pid))
        body = '{"title":"A link","url":"https://example.com/there?a=1"}'
        size = room.world.settings().database_pool_size
        async with asyncpg.create_pool(room.world.database_url("links"), min_size=size, max_size=size) as pool:

            async def turn() -> Turn:
                load = Load("/v1/links", "customers.lua", (str(keys), "POST", body))
                return await wrk.run(ours, load, lab.TURN_SECONDS)

            async def insert_turn() -> Turn:
                return await _insert(pool, customers)

            return await room.alternate(turn, insert_turn, names=("Waypost", "insert alone"), target=0.25)


async def equip(room: Lab) -> tuple[list[Customer], Path]:
    """Customers with some links each, and the file with their keys."""
    room.say(f"{CUSTOMERS} customers with {LINKS_OF_EACH} links each are made")
    customers = await room.customers(CUSTOMERS)
    for customer in customers:
        await asyncio.gather(
            *(room.world.bus.ask(_link(customer, f"Link {number}")) for number in range(LINKS_OF_EACH))
        )
    keys = room.folder / "keys.txt"
    keys.write_text("\n".join(customer.key for customer in customers))
    return customers, keys


async def _insert(pool: asyncpg.Pool, customers: list[Customer]) -> Turn:
    """The statement of the links service in autocommit, from as many callers as the API has connections."""
    began, done = time.perf_counter(), 0
    used = psutil.Process().cpu_times()

    async def insert() -> None:
        nonlocal done
        while time.perf_counter() - began < lab.TURN_SECONDS:
            ask = _link(customers[done % len(customers)], "A link")
            async with pool.acquire() as connection:
                assert await store.insert_link(connection, new_id(), _slug(), ask, None)
            done += 1

    await asyncio.gather(*(insert() for _ in range(CONNECTIONS)))
    took, now = time.perf_counter() - began, psutil.Process().cpu_times()
    return Turn(done / took, (now.user + now.system - used.user - used.system) * 1_000_000 / done)


def _slug() -> str:
    return base62(int.from_bytes(new_id().encode()[-8:]), 10)


def _link(customer: Customer, title: str) -> CreateLink:
    return CreateLink(
        workspace=customer.account.workspace.id,
        mode=Mode.LIVE,
        destination_url="https://example.com/there?a=1",
        title=title,
    )
