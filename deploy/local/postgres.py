"""The embedded PostgreSQL."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from deploy.local import ports, private_file, system_user
from deploy.local.binaries import Binary
from deploy.local.child import Child, Command, Owner, describe
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.log_file import LogFile, last_words
from deploy.local.part import Part
from deploy.local.trouble import Trouble, explained
from deploy.local.waiting import until
from shared.contracts import SERVICES
from shared.settings import Settings

OWNER = "waypost"
DATABASE = "waypost"
_PROBE_SECONDS = 1.0
_ORPHAN_SECONDS = 10.0
# Beside the pools: listeners of the outboxes, migrations, and a person with psql.
_FURTHER_CONNECTIONS_PER_SERVICE = 4
_FURTHER_CONNECTIONS = 20
_LEAST_CONNECTIONS = 100


class Postgres(Part):
    name = "postgres"
    heard = False

    def __init__(self, binary: Binary, data: DataDir, password: str, settings: Settings, console: Console) -> None:
        self._binary = binary.path
        self._data = data
        self._password = password
        self._settings = settings
        self._console = console
        self._owner: Owner | None = None
        self._port: int | None = None
        self._settled = False

    @property
    def url(self) -> str:
        """The owner's URL."""
        return f"postgresql://{OWNER}:{quote(self._password)}@127.0.0.1:{self._port}/{DATABASE}"

    @property
    def address(self) -> str | None:
        return f"postgresql://127.0.0.1:{self._port}/{DATABASE}" if self._port else None

    async def prepare(self) -> None:
        with explained(self._data.postgres):
            self._owner = system_user.ensure()
            if self._owner:
                self._open_to_others()
            if not self._data.postgres.exists():
                await self._initialise()
            elif self._owner and self._data.postgres.stat().st_uid != self._owner.uid:
                system_user.give(self._data.postgres, self._owner)
            await self._clear_orphans()

    def command(self) -> Command:
        if not self._settled:
            self._port = ports.free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": self._connections(),
            "shared_buffers": f"{self._settings.local_postgres_buffer_bytes // 1024}kB",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u ",
        }
        given = tuple(word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        return self._command("postgres", "-D", str(self._data.postgres), *given, directory=self._data.postgres)

    def settle(self) -> None:
        self._settled = True

    async def answers(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                connection = await asyncpg.connect(self.url)
                await connection.close()
        except asyncpg.InvalidPasswordError:
            if self._has_port():
                raise Trouble(
                    f"{self._data.secrets} does not belong to the database in {self._data.postgres}"
                ) from None
            return False
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    def _has_port(self) -> bool:
        """Did our server get its port, or was somebody else's quicker?"""
        lock = self._data.postgres / "postmaster.pid"
        return lock.exists() and f"\n{self._port}\n" in lock.read_text()

    def _connections(self) -> int:
        per_service = self._settings.database_pool_size + _FURTHER_CONNECTIONS_PER_SERVICE
        return max(_LEAST_CONNECTIONS, len(SERVICES) * per_service + _FURTHER_CONNECTIONS)

    def _command(self, program: str, *words: str, directory: Path) -> Command:
        return Command(
            argv=(str(self._binary.with_name(program)), *words),
            environ={"PATH": os.defpath, "LC_ALL": "C"},
            directory=directory,
            # SIGTERM would wait until every client has gone by itself.
            stop_signal=signal.SIGINT,
            owner=self._owner,
        )

    def _open_to_others(self) -> None:
        """The system user must get at its data directory and at the programs."""
        system_user.let_through(self._data.postgres)
        package = self._binary.parents[2]
        system_user.let_through(package)
        for directory in (package, package.with_name(f"{package.name}.libs")):
            if directory.exists():
                system_user.let_read(directory)

    async def _initialise(self) -> None:
        """Makes the cluster and the database beside their place and moves them there when they are whole."""
        self._console.say("initialising PostgreSQL …")
        fresh = self._data.postgres.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password_file = self._data.root / "postgres.password"
        try:
            private_file.write(password_file, self._password.encode())
            for path in (fresh, password_file):
                if self._owner:
                    os.chown(path, self._owner.uid, self._owner.gid)
            await self._make_cluster(fresh, password_file)
            await self._make_database(fresh)
        finally:
            password_file.unlink(missing_ok=True)
        fresh.replace(self._data.postgres)

    async def _make_cluster(self, fresh: Path, password_file: Path) -> None:
        # fmt: off
        await self._run_once(
            "initdb", "-D", str(fresh), "--username", OWNER, "--pwfile", str(password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--data-checksums",
            "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            directory=fresh,
        )
        # fmt: on

    async def _make_database(self, fresh: Path) -> None:
        statement = f"create database {DATABASE}\n".encode()
        await self._run_once("postgres", "--single", "-D", str(fresh), "postgres", directory=fresh, said=statement)

    async def _run_once(self, program: str, *words: str, directory: Path, said: bytes = b"") -> None:
        log = LogFile(self._data.logs / "postgres-init.log", self._settings.local_log_bytes)
        child = Child(self._command(program, *words, directory=directory), log, said)
        try:
            status = await child.gone()
        finally:
            child.kill()
        if status != 0:
            raise Trouble(f"{program} failed with {describe(status)}. {last_words(log)}")

    async def _clear_orphans(self) -> None:
        """Clears what a killed PostgreSQL leaves: processes that have not noticed yet, and a lock file.

        The server itself can only see whether the number in the lock file is in use, not by whom.
        """
        lock = self._data.postgres / "postmaster.pid"
        if not lock.exists():
            return
        if not await until(lambda: not _processes_in(self._data.postgres), _ORPHAN_SECONDS):
            for orphan in _processes_in(self._data.postgres):
                orphan.kill()
        lock.unlink(missing_ok=True)


def _processes_in(directory: Path) -> list[psutil.Process]:
    """The PostgreSQL processes that work on a data directory: it is where they are."""
    at = str(directory)
    found = psutil.process_iter(["name", "cwd"])
    return [process for process in found if process.info["name"] == "postgres" and process.info["cwd"] == at]
