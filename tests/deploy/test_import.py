"""`waypost links import`, as the operator uses it."""

import asyncio
import json
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.accounts import Account
from shared.contracts.links import ExportLinks, Link
from shared.contracts.modes import Mode
from tests.deploy.command import HOME, WAYPOST
from tests.world import World

LINES = 1_200


class Operator:
    def __init__(self, world: World, account: Account, folder: Path) -> None:
        self._world = world
        self._account = account
        self._folder = folder

    def write(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def begin(self, file: Path, *words: str) -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        given = ("links", "import", str(file), "--username", self._account.user.username, *words)
        return subprocess.Popen(
            [*WAYPOST, *given, "--data", str(self._folder / "stack")],
            cwd=HOME,
            env={**kept, "WAYPOST_NATS_URL": self._world.settings().nats_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    async def run(self, file: Path, *words: str) -> tuple[int, Any, str]:
        """The exit status, the answer, and what was told on the way."""
        process = self.begin(file, *words)
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
        return process.returncode, json.loads(out) if out else None, err

    async def links(self, mode: Mode = Mode.LIVE) -> list[Link]:
        found: list[Link] = []
        after: str | None = None
        while True:
            page = await self._world.bus.ask(ExportLinks(workspace=self._account.workspace.id, mode=mode, after=after))
            found += page.links
            after = page.after
            if after is None:
                return found


@pytest.fixture
async def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, await world.account(), tmp_path)


async def test_a_file_of_another_system_is_taken_in(operator: Operator) -> None:
    file = operator.write("yourls.csv", "keyword,url,title,timestamp,ip,clicks\nozh-7,http://ozh.org/,ozh,,,1024\n")
    status, answer, _ = await operator.run(file, "--mode", "test")
    expected = {"format": "yourls", "dryRun": False, "created": 1, "skipped": 0, "failed": 0, "errors": []}
    assert (status, answer) == (0, expected)
    assert await operator.links() == []
    (link,) = await operator.links(Mode.TEST)
    assert (link.slug, link.destination_url, link.title) == ("ozh-7", "http://ozh.org/", "ozh")
    assert link.metadata == {"imported": {"from": "yourls", "clicks": 1024}}


async def test_bad_lines_are_told_by_number_and_end_in_a_failure(operator: Operator) -> None:
    file = operator.write("links.csv", "url,slug\nhttps://a.test/,\njavascript:alert(1),\nhttps://c.test/,a b\n,x\n")
    status, answer, told = await operator.run(file)
    assert status == 1
    assert (answer["created"], answer["failed"]) == (1, 3)
    assert [error["line"] for error in answer["errors"]] == [3, 4, 5]
    assert all(f"line {line}: " in told for line in (3, 4, 5))
    assert [link.destination_url for link in await operator.links()] == ["https://a.test/"]


async def test_a_dry_run_tells_the_same_and_keeps_nothing(operator: Operator) -> None:
    file = operator.write("links.csv", "url,slug\nhttps://a.test/,\nnowhere,\n")
    status, answer, _ = await operator.run(file, "--dry-run")
    assert (status, answer["dryRun"], answer["created"], answer["failed"]) == (1, True, 1, 1)
    assert await operator.links() == []


@pytest.mark.parametrize(
    ("policy", "created", "skipped", "failed"), [("skip", 0, 2, 0), ("fail", 0, 0, 2), ("rename", 2, 0, 0)]
)
async def test_short_codes_that_are_taken_are_dealt_with_as_wished(
    operator: Operator, policy: str, created: int, skipped: int, failed: int
) -> None:
    text = "".join(f"https://x.test/{n},{policy}-taken-{n}\n" for n in range(2))
    await operator.run(operator.write("first.csv", "url,slug\n" + text))
    _, answer, _ = await operator.run(operator.write("again.csv", "url,slug\n" + text), "--on-conflict", policy)
    assert (answer["created"], answer["skipped"], answer["failed"]) == (created, skipped, failed)
    assert len(await operator.links()) == 2 + created


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [("empty.csv", "", "The file is empty"), ("other.csv", "a,b\n1,2\n", "No column is a destination")],
)
async def test_what_is_no_file_of_links_is_refused_in_one_sentence(
    operator: Operator, name: str, text: str, why: str
) -> None:
    status, answer, told = await operator.run(operator.write(name, text))
    assert (status, answer) == (1, None)
    assert why in told
    assert "Traceback" not in told


async def test_an_import_that_is_killed_goes_on_where_it_was(operator: Operator) -> None:
    text = "url,title\n" + "".join(f"https://x.test/{n},{n}\n" for n in range(LINES))
    file = operator.write("many.csv", text)
    kills = 0
    for piece in (1, 3, 2):
        process = operator.begin(file)
        assert process.stderr
        # The progress of so many pieces has been told, so that the next one is on its way.
        for _ in range(piece):
            await asyncio.to_thread(process.stderr.readline)
        process.kill()
        kills += process.wait() != 0
        process.stderr.close()
        assert process.stdout
        process.stdout.close()
    assert kills == 3
    status, answer, told = await operator.run(file)
    assert "goes on after line" in told
    assert (status, answer["created"], answer["failed"]) == (0, LINES, 0)
    counted = Counter(link.title for link in await operator.links())
    assert counted == Counter(str(n) for n in range(LINES))


async def test_the_same_file_may_be_taken_in_again_when_it_is_through(operator: Operator) -> None:
    file = operator.write("again.csv", "url\nhttps://x.test/\n")
    for _ in range(2):
        assert (await operator.run(file))[1]["created"] == 1
    assert len(await operator.links()) == 2
