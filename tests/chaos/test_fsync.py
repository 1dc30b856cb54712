"""What has been acknowledged is on the disk and not merely in its cache, where a kill would not tell the difference."""

import asyncio
import itertools
import re
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import pytest

from deploy.local.data_dir import DataDir
from gateway.redirect import writer
from gateway.redirect.journal import Journal
from gateway.redirect.segment import sync_data
from shared import database as databases
from shared.database import Database
from shared.settings import Settings
from tests.chaos.conftest import Own, Say
from tests.gateway.journal.clicks import visit

COMMITS = 20  # of each service
# Somebody else's commit may take one of ours along, and then there is one call less for both.
FORCED = 0.9 * COMMITS
WATCHED_SECONDS = 1.5
ATTEMPTS = 3
APPEND_SECONDS = 0.002


async def test_nats_forces_a_message_to_the_disk_before_it_acknowledges(own: Own) -> None:
    assert await nats_forces_each_message(own)


@pytest.mark.long
async def test_a_nats_server_that_forces_its_messages_later_is_noticed(own: Own) -> None:
    usual = own.world.servers.commands["nats"]
    careless = without_sync(Path(usual.argv[-1]))
    async with own.otherwise("nats", replace(usual, argv=(*usual.argv[:-1], str(careless)))):
        assert not await nats_forces_each_message(own)
    assert await nats_forces_each_message(own)


def without_sync(config: Path) -> Path:
    careless = config.with_name("careless.conf")
    careless.write_text(config.read_text().replace("sync_interval: always", ""))
    return careless


async def nats_forces_each_message(own: Own) -> bool:
    """Its own word for it: no kill can show it, and fsyncs of another process cannot be counted everywhere."""
    config = (DataDir(own.world.servers.folder).nats / "nats.conf").read_text()
    found = re.search(r'server_name: "(.+)"(?s:.+)http: "(.+)"', config)
    assert found
    async with aiohttp.ClientSession() as http:
        async with http.get(f"http://{found[2]}/varz") as answer:
            assert (await answer.json())["server_name"] == found[1]
        async with http.get(f"http://{found[2]}/jsz?config=true") as answer:
            return (await answer.json())["config"].get("sync_always") is True


async def test_postgres_forces_every_commit_to_the_disk(own: Own, say: Say) -> None:
    service = await asyncpg.connect(own.world.database_url("analytics"))
    # Without it, a power cut in the middle of a page would leave what no log can mend.
    assert await service.fetchval("select current_setting('full_page_writes')") == "on"
    await service.close()
    forced = await forced_commits(own)
    say(commits=COMMITS, forced=forced)
    assert min(forced.values()) >= FORCED


@pytest.mark.long
@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit"])
async def test_a_postgres_server_that_forces_its_commits_later_or_never_is_noticed(
    own: Own, setting: str, say: Say
) -> None:
    usual = own.world.servers.commands["postgres"]
    async with own.otherwise("postgres", replace(usual, argv=(*usual.argv, "-c", f"{setting}=off"))):
        forced = await forced_commits(own)
    say(commits=COMMITS, forced=forced)
    assert max(forced.values()) < FORCED


async def forced_commits(own: Own) -> dict[str, int]:
    """How often each service's connection has forced the log to the disk in as many commits, by PostgreSQL's count."""
    forced = {}
    for service in own.world.services:
        # A single connection, so that all of them are commits of one process of the server.
        settings = own.world.settings(database_url=own.world.database_url(service), database_pool_size=1)
        async with databases.connect(settings, service) as database:
            before = await _fsyncs(database)
            for _ in range(COMMITS):
                async with database.transaction() as tx:
                    await tx.execute("select pg_logical_emit_message(true, 'proof', '')")
            forced[service] = await _fsyncs(database) - before
    return forced


async def _fsyncs(database: Database) -> int:
    async with database.connection() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
        own = "pg_stat_get_backend_io(pg_backend_pid())"
        return int(await connection.fetchval(f"select sum(fsyncs)::bigint from {own} where object = 'wal'"))


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    frames: int
    syncs: int  # by the journal's own count
    forced: int  # calls to the operating system
    oldest: float  # seconds that a frame has waited to be forced to the disk, at most
    longest_sync: float  # seconds that the disk needed
    stalled: float  # seconds that a thread that did nothing but wait was woken too late


@pytest.mark.parametrize(("every", "kept"), [(0.05, True), (2.0, False)], ids=["as agreed", "too rarely"])
async def test_a_frame_of_the_journal_waits_50_ms_for_the_disk_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: float, kept: bool, say: Say
) -> None:
    """The second case shows that the measure would notice."""
    for attempt in range(ATTEMPTS):  # a machine that stands still is no measure
        seen = await watch(tmp_path / str(attempt), monkeypatch, every)
        say(**msgspec.structs.asdict(seen))
        # Only the last call may be under way while the two are read.
        assert seen.forced - seen.syncs in (0, 1)
        allowed = 0.05 + seen.longest_sync + 2 * seen.stalled + 2 * APPEND_SECONDS
        if (seen.oldest <= allowed) is kept:
            return
    raise AssertionError(f"a frame waited {seen.oldest} s, and {allowed} s are allowed")


async def watch(folder: Path, monkeypatch: pytest.MonkeyPatch, every: float) -> Watch:
    took = [0.0]

    def timed(fd: int) -> None:
        began = time.monotonic()
        sync_data(fd)
        took.append(time.monotonic() - began)

    monkeypatch.setattr(writer, "sync_data", timed)
    settings = Settings(nats_url="nats://127.0.0.1:1", journal_dir=str(folder), journal_sync_seconds=every)
    journal = Journal(settings, nowhere)
    segment = journal._writer._active
    assert segment
    waiting: deque[tuple[int, float]] = deque()  # where a frame ends, and when it was appended
    oldest, numbers = 0.0, itertools.count()
    with Sleeper() as sleeper:
        end = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < end:
            assert journal.append(visit(str(next(numbers))))
            waiting.append((segment.length, time.monotonic()))
            await asyncio.sleep(APPEND_SECONDS)
            safe, now = segment.synced, time.monotonic()
            while waiting and waiting[0][0] <= safe:
                waiting.popleft()
            if waiting:
                oldest = max(oldest, now - waiting[0][1])
    found = Watch(
        frames=journal.counts.appended,
        syncs=journal.counts.syncs,
        forced=len(took) - 1,
        oldest=oldest,
        longest_sync=max(took),
        stalled=sleeper.late,
    )
    await journal.close()
    return found


async def nowhere(subject: str, payload: bytes, message_id: str, timeout: float) -> None:
    raise AssertionError("nothing is shipped here")


class Sleeper(threading.Thread):
    """Tells how late a busy machine wakes a thread that only sleeps."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.late = 0.0
        self._over = threading.Event()

    def __enter__(self) -> "Sleeper":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self._over.wait(0.01)
            self.late = max(self.late, time.monotonic() - began - 0.01)
