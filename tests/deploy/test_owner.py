"""The database of an operator: its owner may make roles and is no superuser, and the passwords lie in files."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local import binaries
from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.postgres import Postgres
from deploy.local.processes import service_database_url
from shared.contracts import SERVICES
from shared.settings import Settings
from tests.deploy.command import waypost
from tests.deploy.test_servers import PASSWORD, running


@pytest.fixture
async def postgres(data: DataDir, settings: Settings, console: Console) -> AsyncIterator[Postgres]:
    server = Postgres(binaries.find_postgres(), data, PASSWORD, settings, console)
    async with running(server, data, settings, console):
        yield server


@pytest.fixture
async def owner_url(postgres: Postgres) -> str:
    superuser = await asyncpg.connect(postgres.url)
    await superuser.execute(f"create role operator login createrole password '{PASSWORD}'")
    await superuser.execute("create database theirs owner operator")
    await superuser.close()
    return f"postgresql://operator@127.0.0.1:{postgres.url.rpartition(':')[2].partition('/')[0]}/theirs"


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    """One file for each service with the password of its role."""
    folder = tmp_path / "roles"
    folder.mkdir()
    for service in SERVICES:
        (folder / service).write_text(f"{service}/password\n")
    return folder


async def test_an_owner_who_is_no_superuser_migrates_with_passwords_from_files(
    owner_url: str, roles: Path, tmp_path: Path
) -> None:
    (tmp_path / "owner").write_text(PASSWORD)
    here = {
        "WAYPOST_DATABASE_URL": owner_url,
        "WAYPOST_DATABASE_PASSWORD_FILE": str(tmp_path / "owner"),
        "WAYPOST_ROLE_PASSWORD_DIR": str(roles),
    }
    nowhere = ("--data", str(tmp_path / "nothing"))
    for everything in (True, False):
        migrated = waypost("migrate", *nowhere, **here)
        assert migrated.returncode == 0, migrated.stderr
        applied = json.loads(migrated.stdout)["applied"]
        assert applied.keys() == set(SERVICES)
        assert {bool(names) for names in applied.values()} == {everything}
    assert not (tmp_path / "nothing").exists()
    for service in SERVICES:
        role = await asyncpg.connect(service_database_url(owner_url, service, f"{service}/password"))
        assert await role.fetchval("select count(*) > 0 from migrations")
        await role.close()


@pytest.mark.parametrize("content", [None, " \n"])
def test_a_missing_password_of_a_role_is_named(roles: Path, tmp_path: Path, content: str | None) -> None:
    (roles / "links").unlink()
    if content is not None:
        (roles / "links").write_text(content)
    refused = waypost(
        "migrate", WAYPOST_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", WAYPOST_ROLE_PASSWORD_DIR=str(roles)
    )
    assert refused.returncode == 1
    assert str(roles / "links") in refused.stderr
