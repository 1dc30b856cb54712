"""Everything that outlives a request: what can be read wherever something is kept."""

import contextlib
import os
from pathlib import Path

import msgspec
from redis.asyncio import Redis

from shared.contracts import SERVICES
from tests.world import World


class Store(msgspec.Struct, frozen=True):
    name: str
    content: bytes

    def holds(self, text: str) -> bool:
        """Plainly, or as the hexadecimal text of a binary column."""
        return text.encode() in self.content or text.encode().hex().encode() in self.content


async def everything(world: World, journal: Path) -> list[Store]:
    """What is kept right now in the journal, in NATS, PostgreSQL and Valkey, and in all logs."""
    return [
        Store("journal", _files(journal)),
        Store("nats", _files(nats_folder(world))),
        Store("postgres", await _tables(world)),
        Store("valkey", await _counters(world)),
        Store("logs", b"\n".join(log.read_bytes() for log in world.folder.glob("*.log"))),
    ]


def nats_folder(world: World) -> Path:
    return world.servers.folder / "nats"


def leaks(stores: list[Store], *texts: str) -> list[tuple[str, str]]:
    return [(store.name, text) for store in stores for text in texts if store.holds(text)]


def _files(folder: Path) -> bytes:
    """Names and contents; those that are just being removed have none."""
    found = []
    # Unlike `rglob`, it bears with a directory that goes before it is looked into.
    for at, directories, files in os.walk(folder):
        found += [name.encode() for name in (*directories, *files)]
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                found.append((Path(at) / name).read_bytes())
    return b"\n".join(found)


async def _tables(world: World) -> bytes:
    owner = await world.connect()
    names = await owner.fetch(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = any($1)", SERVICES
    )
    rows = [row["text"] for name in names for row in await owner.fetch(f"select t::text as text from {name['name']} t")]
    await owner.close()
    return "\n".join(rows).encode()


async def _counters(world: World) -> bytes:
    async with Redis.from_url(world.servers.redis_url) as redis:
        keys = [key async for key in redis.scan_iter()]
        return b"\n".join([*keys, *[await redis.dump(key) or b"" for key in keys]])
