"""The way back to a moment that `deploy/backup.md` describes, from beginning to end."""

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from deploy.backup import programs
from deploy.local import system_user
from deploy.local.data_dir import DataDir
from deploy.local.options import read_settings
from deploy.operate_backups import database_alone

SETTINGS = read_settings({})


async def test_the_database_goes_back_to_the_second_before_a_mistake(data: DataDir, tmp_path: Path) -> None:
    log, base = tmp_path / "wal", tmp_path / "base"
    log.mkdir()
    if owner := system_user.ensure():
        os.chown(log, owner.uid, owner.gid)
    async with database_alone(data, SETTINGS) as url:
        await said(
            url,
            "alter system set archive_mode = on",
            f"alter system set archive_command = 'test ! -f {log}/%f && cp %p {log}/%f'",
        )
    async with database_alone(data, SETTINGS) as url:
        await said(
            url, "create table visits (number bigint primary key)", "insert into visits select generate_series(1, 1000)"
        )
        await programs.run("pg_basebackup", replicating(url), f"--pgdata={base}", "--checkpoint=fast")
        await said(url, "insert into visits select generate_series(1001, 2000)")
        moment = await answered(url, "select clock_timestamp()::text")
        await said(url, "delete from visits")
        # The server writes into the next file when it likes, so what ends here is asked for in the same breath.
        last = await answered(url, "select pg_walfile_name(pg_switch_wal())")
        await until(url, f"select last_archived_wal >= '{last}' from pg_stat_archiver")
        assert await answered(url, "select count(*)::text from visits") == "0"

    shutil.rmtree(data.postgres)
    shutil.copytree(base, data.postgres)
    data.postgres.chmod(0o700)
    (data.postgres / "recovery.signal").touch()
    with (data.postgres / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {log}/%f %p'\n")
        settings.write(f"recovery_target_time = '{moment}'\n")
        settings.write("recovery_target_action = 'promote'\n")
    if owner:
        system_user.give(data.postgres, owner)
    async with database_alone(data, SETTINGS) as url:
        await until(url, "select not pg_is_in_recovery()")
        assert await answered(url, "select count(*)::text from visits") == "2000"
        await said(url, "insert into visits values (0)")


def replicating(url: str) -> str:
    """`pg_basebackup` connects to the server as a whole."""
    return urlsplit(url)._replace(path="/").geturl()


async def said(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def answered(url: str, statement: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval(statement))
    finally:
        await connection.close()


async def until(url: str, statement: str) -> None:
    for _ in range(400):
        if await answered(url, statement) == "True":
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it has not come about: {statement}")
