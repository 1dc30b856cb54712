"""Puts a backup in the place of the database that is there."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.backup import programs, store
from deploy.backup.manifest import Backup, Manifest
from deploy.local.trouble import Trouble
from shared.contracts import SERVICES
from shared.migrations import ensure_roles

# A database that every server has; ours cannot be renamed by whoever is connected to it.
_MAINTENANCE = "postgres"
_SHOWN_DIFFERENCES = 5


async def restore(owner_url: str, place: Path) -> dict[str, object]:
    """Fills a database beside the present one, compares it with what the backup says of itself, and swaps the two.

    Whatever fails before the swap leaves everything as it was. The database that was there is kept under the name that
    the answer tells; an empty one is dropped.
    """
    began = time.monotonic()
    backup = Backup(place)
    manifest = backup.read()
    name = unquote(urlsplit(owner_url).path.lstrip("/"))
    fresh = f"{name}_restoring"
    maintenance = await asyncpg.connect(owner_url, database=_MAINTENANCE)
    try:
        if others := await store.list_others(maintenance, name):
            raise Trouble(f"The database is in use by {', '.join(others)}: stop them first")
        await ensure_roles(maintenance, SERVICES)
        await store.drop_database(maintenance, fresh)
        await store.create_database(maintenance, fresh, name)
        try:
            await _fill(_of(owner_url, fresh), backup)
            await _compare(owner_url, fresh, manifest)
            before = await _swap(maintenance, owner_url, name, fresh)
        finally:
            # After the swap there is none of this name.
            await store.drop_database(maintenance, fresh)
    finally:
        await maintenance.close()
    return {
        "restored": str(backup.folder),
        "madeAt": manifest.made_at,
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "before": before,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _fill(url: str, backup: Backup) -> None:
    with tempfile.NamedTemporaryFile("w+", prefix="waypost-restore-", suffix=".list") as contents:
        await programs.run_alone("pg_restore", "--list", f"--file={contents.name}", str(backup.dump))
        kept = [line for line in contents if not _sets_default_rights(line)]
        contents.seek(0)
        contents.truncate()
        contents.writelines(kept)
        contents.flush()
        await programs.run(
            "pg_restore",
            url,
            "--no-owner",
            "--no-comments",
            "--exit-on-error",
            "--single-transaction",
            f"--use-list={contents.name}",
            str(backup.dump),
        )


def _sets_default_rights(line: str) -> bool:
    """Such an entry names the owner of the database that was dumped. Migrations set them for the owner of this one."""
    return " DEFAULT ACL " in line


async def _compare(owner_url: str, database: str, manifest: Manifest) -> None:
    connection = await asyncpg.connect(owner_url, database=database, server_settings=store.PLAIN)
    try:
        names = await store.list_tables(connection, list(SERVICES))
        found = {name: await store.measure_table(connection, name) for name in names}
    finally:
        await connection.close()
    if differences := manifest.differences(found):
        more = len(differences) - _SHOWN_DIFFERENCES
        words = "; ".join(differences[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        raise Trouble(f"What was restored is not what was backed up, so it was thrown away: {words}")


async def _swap(maintenance: asyncpg.Connection, owner_url: str, name: str, fresh: str) -> str | None:
    present = await asyncpg.connect(owner_url)
    try:
        empty = not await store.list_tables(present, list(SERVICES))
    finally:
        await present.close()
    before = f"{name}_before_{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    async with maintenance.transaction():
        await store.rename_database(maintenance, name, before)
        await store.rename_database(maintenance, fresh, name)
    if not empty:
        return before
    await store.drop_database(maintenance, before)
    return None


def _of(owner_url: str, database: str) -> str:
    return urlsplit(owner_url)._replace(path=f"/{database}").geturl()
