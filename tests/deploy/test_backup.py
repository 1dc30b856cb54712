"""A backup is taken while everything is at work, and what is made of it elsewhere is the same, row by row."""

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from deploy import operate_backups
from deploy.backup.manifest import Manifest, Table
from deploy.local.data_dir import DataDir
from deploy.local.options import read_settings
from tests.deploy.command import PATIENCE, Up, answer, waypost
from tests.servers import open_folder

WRITERS = 3
HUMAN = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


class Site:
    """One running stack, as somebody with a key sees it."""

    def __init__(self, up: Up, url: str, key: str) -> None:
        self.at = ("--data", str(up.data))
        self.url = url
        self.key = key

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def new_link(self, number: int) -> str:
        made = self.ask("POST", "/v1/links", {"title": f"Link {number}", "url": f"https://example.com/{number}"})
        return str(made["shortCode"])

    def leads_to(self, slug: str) -> str | None:
        opener = urllib.request.build_opener(_StaysHere)
        with opener.open(urllib.request.Request(f"{self.url}/{slug}", headers=HUMAN), timeout=20) as reply:
            return str(reply.headers["Location"]) if reply.status == 302 else None

    @contextmanager
    def under_load(self) -> Iterator[list[str]]:
        """Links are made and followed all the time; told are the short codes of those that are there already."""
        stop, made, failures = threading.Event(), list[str](), list[BaseException]()

        def work(writer: int) -> None:
            number = writer * 1_000_000
            try:
                while not stop.is_set():
                    slug = self.new_link(number)
                    assert self.leads_to(slug) == f"https://example.com/{number}"
                    made.append(slug)
                    number += 1
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=work, args=(writer,)) for writer in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield made
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failures


class _StaysHere(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        return fp


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@contextmanager
def site(data: Path, key: str | None = None) -> Iterator[Site]:
    with Up(data, **PATIENCE) as up:
        url = up.wait_until_ready()
        if key is None:
            at = ("--data", str(data))
            answer("account", "create", "--username", "ada", "--email", "a@example.org", "--tier", "creator", *at)
            key = answer("key", "create", "--username", "ada", *at)["key"]
        yield Site(up, url, key)


async def test_what_is_backed_up_under_load_is_restored_row_by_row(folder: Path) -> None:
    backup, here, there = folder / "backup", folder / "here", folder / "there"
    with site(here) as origin:
        before = [origin.new_link(number) for number in range(20)]
        webhook = origin.ask("POST", "/api/use/webhooks", {"url": "https://example.com/hook", "events": ["*"]})
        with origin.under_load() as made:
            until(lambda: len(made) >= 30)
            taken = answer("backup", "--to", str(backup), *origin.at)
            so_far = len(made)
            until(lambda: len(made) >= so_far + 30)
        after = origin.new_link(9_999_999)
        assert "is there already" in refused("backup", "--to", str(backup), *origin.at)
        assert "Another stack" in refused("restore", "--from", str(backup), *origin.at)

    manifest = msgspec.json.decode((backup / "manifest.json").read_bytes(), type=Manifest)
    assert (taken["tables"], taken["rows"]) == (len(manifest.tables), manifest.rows)
    assert manifest.tables["links.links"].rows >= len(before)
    assert {path.stat().st_mode & 0o077 for path in (backup, *backup.iterdir())} == {0}

    # What it takes on a new machine: the backup, and the secrets that are kept elsewhere.
    there.mkdir()
    shutil.copy(here / "secrets.json", there)
    restored = answer("restore", "--from", str(backup), "--data", str(there))
    assert (restored["tables"], restored["rows"], restored["before"]) == (taken["tables"], taken["rows"], None)
    with site(there, origin.key) as copy:
        assert [copy.leads_to(slug) for slug in before] == [f"https://example.com/{number}" for number in range(20)]
        with pytest.raises(urllib.error.HTTPError) as unknown:
            copy.leads_to(after)
        unknown.value.close()
        assert unknown.value.code == 404
        # Sealed secrets can be read again: a delivery is signed with one.
        tested = copy.ask("POST", f"/api/use/webhooks/{webhook['id']}/test", {})
        assert tested["id"].startswith("msg_")
        latest = copy.new_link(7_777_777)

    # What was there is put aside, not thrown away.
    again = answer("restore", "--from", str(backup), "--data", str(there))
    assert (again["rows"], again["before"][:15]) == (taken["rows"], "waypost_before_")
    assert await found(there, latest) == []
    assert await found(there, latest, database=again["before"]) == [latest]

    # A backup that has been changed is not taken for whole, and nothing happens to what is there.
    changed = folder / "changed"
    shutil.copytree(backup, changed)
    links = manifest.tables["links.links"]
    tables = manifest.tables | {"links.links": Table(rows=links.rows, checksum=str(int(links.checksum) + 1))}
    (changed / "manifest.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, tables=tables)))
    assert "links.links has other content" in refused("restore", "--from", str(changed), "--data", str(there))
    (changed / "database.dump").write_bytes((backup / "database.dump").read_bytes()[:-20_000])
    assert "pg_restore has failed" in refused("restore", "--from", str(changed), "--data", str(there))
    assert "is no backup" in refused("restore", "--from", str(folder), "--data", str(there))
    assert await found(there, *before, latest) == sorted(before)


async def found(data: Path, *slugs: str, database: str = "waypost") -> list[str]:
    """Which of the short codes there are, in the database of a stack that does not run."""
    async with operate_backups.database_alone(DataDir(data), read_settings({})) as url:
        connection = await asyncpg.connect(url, database=database)
        try:
            rows = await connection.fetch("select slug from links.links where slug = any($1)", slugs)
        finally:
            await connection.close()
    return sorted(row["slug"] for row in rows)


def refused(*words: str) -> str:
    done = waypost(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def until(condition: Any, seconds: float = 30.0) -> None:
    deadline = threading.Event()
    timer = threading.Timer(seconds, deadline.set)
    timer.start()
    try:
        while not condition():
            assert not deadline.wait(0.02), "it did not come about"
    finally:
        timer.cancel()
