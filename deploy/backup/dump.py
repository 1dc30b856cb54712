"""Takes a backup while everything is at work."""

import time
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import asyncpg

from deploy.backup import programs, store
from deploy.backup.manifest import Backup, Manifest
from deploy.local.trouble import Trouble, explained
from shared.contracts import SERVICES


async def back_up(owner_url: str, place: Path) -> dict[str, object]:
    """Writes the directory ``place``, which comes to be only when it is whole.

    Rows are counted and hashed in the very snapshot that is dumped. Nobody is kept waiting, except a migration.
    """
    began = time.monotonic()
    backup = Backup(place)
    if backup.folder.exists():
        raise Trouble(f"{backup.folder} is there already: choose another place for this backup")
    unfinished = Backup(backup.folder.with_name(f"{backup.folder.name}.unfinished"))
    with explained(unfinished.folder):
        rmtree(unfinished.folder, ignore_errors=True)
        unfinished.folder.mkdir(mode=0o700, parents=True)
        try:
            manifest = await _dump(owner_url, unfinished)
            unfinished.write(manifest)
            unfinished.folder.rename(backup.folder)
        finally:
            rmtree(unfinished.folder, ignore_errors=True)
    return {
        "backup": str(backup.folder),
        "madeAt": manifest.made_at,
        "bytes": backup.dump.stat().st_size,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _dump(owner_url: str, backup: Backup) -> Manifest:
    connection = await asyncpg.connect(owner_url, server_settings=store.PLAIN)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await store.export_snapshot(connection)
            made_at = datetime.now(UTC)
            backup.dump.touch(mode=0o600)
            await programs.run(
                "pg_dump",
                owner_url,
                "--format=custom",
                f"--file={backup.dump}",
                f"--snapshot={snapshot}",
                "--no-owner",
                "--no-comments",
            )
            names = await store.list_tables(connection, list(SERVICES))
            if not names:
                raise Trouble("The database has no tables of ours: there is nothing to back up")
            tables = {name: await store.measure_table(connection, name) for name in names}
            return Manifest(
                made_at=made_at, server=".".join(map(str, connection.get_server_version()[:2])), tables=tables
            )
    finally:
        await connection.close()
