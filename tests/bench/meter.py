"""What a whole stack has used so far, by role: processor time, bytes on the disk and on the wire, and memory."""

import asyncio
import re

import aiohttp
import asyncpg
import msgspec
import psutil
import redis.asyncio

from deploy.capacity.measured import SERVICES_OF_THEIR_OWN, Role
from deploy.local.data_dir import DataDir
from tests.world import Gateway, World

_MIB = 1 << 20
# PostgreSQL writes into the middle of large files, of which some kernels count far more as written than was.
_WRITERS = (Role.GATEWAY, Role.NATS)
_JOURNAL = re.compile(r"^waypost_journal_appended_bytes_total ([0-9.e+]+)$", re.MULTILINE)


class Reading(msgspec.Struct, frozen=True):
    """Since the start: seconds of processor time by role, and bytes by what they are."""

    at: float  # seconds, by the loop's clock
    seconds: dict[str, float]
    bytes: dict[str, float]


class Meter:
    def __init__(self, world: World, gateway: Gateway, owner: asyncpg.Connection) -> None:
        self._world = world
        self._gateway = gateway
        self._owner = owner

    async def read(self) -> Reading:
        seconds: dict[str, float] = dict.fromkeys(Role, 0.0)
        written: dict[str, float] = {}
        for role, process in self._processes():
            family = [process, *process.children(recursive=True)]
            seconds[role] += sum(map(_seconds, family))
            if role in _WRITERS:
                written[f"disk of {role}"] = sum(map(_written, family))
        return Reading(asyncio.get_running_loop().time(), seconds, written | await self._told())

    def memory(self) -> dict[str, float]:
        """MiB of each process of ours; of a server that is many processes, with what they share counted once."""
        found: dict[str, float] = {}
        for role, process in self._processes():
            family = [process, *process.children(recursive=True)]
            if role == Role.POSTGRES:
                size = sum(each.memory_full_info().pss for each in family)
            else:
                size = process.memory_info().rss
            found[role] = max(found.get(role, 0.0), size / _MIB)
        return found

    async def rows(self, schema: str, table: str = "") -> float:
        """Bytes of the tables of a schema, indexes included, or of one table with its partitions."""
        found = await self._owner.fetchval(
            """
            select sum(pg_total_relation_size(c.oid)) from pg_class c
            where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'm')
              and ($2 = '' or c.relname = $2 or c.relname like $2 || '\\_%')
            """,
            schema,
            table,
        )
        return float(found)

    def _processes(self) -> list[tuple[Role, psutil.Process]]:
        servers = self._world.servers.processes
        ours = [
            (Role(name) if name in SERVICES_OF_THEIR_OWN else Role.OTHERS, process.pid)
            for name, process in self._world.services.items()
        ]
        theirs = [(Role(name), process.pid) for name, process in servers.items()]
        return [
            (role, psutil.Process(pid)) for role, pid in [(Role.GATEWAY, self._gateway.process.pid), *ours, *theirs]
        ]

    async def _told(self) -> dict[str, float]:
        """What the servers and the gateway count themselves."""
        config = (DataDir(self._world.servers.folder).nats / "nats.conf").read_text()
        monitor = re.search(r'http: "(.+)"', config)
        assert monitor
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://{monitor[1]}/varz") as answer:
                nats = await answer.json()
            async with http.get(f"{self._gateway.process.watched_at}/metrics") as answer:
                journal = _JOURNAL.search(await answer.text())
        assert journal
        async with redis.asyncio.from_url(self._world.servers.redis_url) as valkey:
            stats = await valkey.info("stats")
        wal = await self._owner.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return {
            "journal": float(journal[1]),
            "into NATS": float(nats["in_bytes"]),
            "out of NATS": float(nats["out_bytes"]),
            "to and from Valkey": float(stats["total_net_input_bytes"] + stats["total_net_output_bytes"]),
            "WAL": float(wal),
        }


def _seconds(process: psutil.Process) -> float:
    """Those of children that have ended included."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _written(process: psutil.Process) -> int:
    """Bytes sent to the disk; of a process that has just ended, or that may not be looked at, none."""
    try:
        return int(process.io_counters().write_bytes)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
