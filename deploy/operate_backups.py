"""Backups as the operator asks for them. Each answer is one JSON object."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup.dump import back_up
from deploy.backup.manifest import Backup
from deploy.backup.restore import restore
from deploy.local import secret_store
from deploy.local.child import Child
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.log_file import LogFile, last_words
from deploy.local.options import read_settings
from deploy.local.servers import choose
from deploy.local.trouble import Trouble
from deploy.operate import Answer, servers_of
from shared.settings import Settings

_LOOK_SECONDS = 0.05


async def make_backup(data: DataDir, place: Path | None) -> Answer:
    """Of the stack that runs there, else of the database that the environment names."""
    url = servers_of(data, lambda servers: servers.database_url).database_url
    return await back_up(url, place or Path("backups") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")


async def restore_backup(data: DataDir, place: Path) -> Answer:
    """Into the database that the environment names, else into the one of the stack there, which must not run."""
    # Nothing is begun for what is no backup.
    Backup(place).read()
    settings = read_settings(os.environ)
    if settings.database_url:
        return await restore(settings.database_url, place)
    data.prepare(settings.local_free_disk_bytes)
    with data.locked():
        async with database_alone(data, settings) as url:
            return await restore(url, place)


@contextlib.asynccontextmanager
async def database_alone(data: DataDir, settings: Settings) -> AsyncIterator[str]:
    """The embedded PostgreSQL of a stack that does not run; its owner's URL."""
    postgres = choose(settings, data, secret_store.load(data), Console(sys.stderr, os.environ)).postgres
    assert postgres
    await postgres.prepare()
    log = LogFile(data.logs / "postgres.log", settings.local_log_bytes)
    child = Child(postgres.command(), log)
    try:
        async with asyncio.timeout(settings.local_start_timeout_seconds):
            while not await postgres.answers():
                if child.status is not None:
                    raise Trouble(f"PostgreSQL has not started. {last_words(log)}")
                await asyncio.sleep(_LOOK_SECONDS)
        yield postgres.url
    except TimeoutError as error:
        raise Trouble(f"PostgreSQL has not started in time. {last_words(log)}") from error
    finally:
        await child.stop(settings.stop_timeout_seconds, asyncio.Event())
