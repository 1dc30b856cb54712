"""What the operator does with keys, on a stack that is up."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import credentials
from shared.contracts.keys import Style
from shared.contracts.modes import Mode
from tests.deploy.command import PATIENCE, Up, answer, waypost
from tests.servers import open_folder

PATIENCE_SECONDS = 20


class Operator:
    """Somebody at the command line of one stack."""

    def __init__(self, up: Up, url: str) -> None:
        self._at = ("--data", str(up.data))
        self.folder = up.data
        self._url = url
        self.account = answer(
            "account", "create", "--username", "ada", "--email", "ada@example.org", "--tier", "creator", *self._at
        )

    def key(self, *words: str, stdin: str = "") -> dict[str, Any]:
        return answer("key", *words, *self._at, stdin=stdin)

    def refused(self, *words: str, stdin: str = "", status: int = 1) -> str:
        done = waypost("key", *words, *self._at, stdin=stdin)
        assert (done.returncode, done.stdout) == (status, "")
        assert "Traceback" not in done.stderr
        return done.stderr

    def status_of(self, secret: str) -> int:
        request = urllib.request.Request(f"{self._url}/api/use/key", headers={"Authorization": f"Bearer {secret}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return refusal.code

    def refused_after(self, secret: str) -> float:
        """Seconds until it is."""
        began = time.monotonic()
        # More often than there are workers, so that each of them is very probably among those that refuse.
        refusals = 0
        while refusals < 8:
            refusals = refusals + 1 if self.status_of(secret) == 401 else 0
            assert time.monotonic() < began + PATIENCE_SECONDS
        return time.monotonic() - began


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with open_folder() as folder, Up(folder / "stack", **PATIENCE) as up:
        yield Operator(up, up.wait_until_ready())


def test_a_key_is_rotated_and_both_secrets_work_for_the_overlap(operator: Operator) -> None:
    first = operator.key("create", "--username", "ada", "--name", "Shop")
    second = operator.key("rotate", "--id", first["id"])
    assert (second["id"], second["name"]) == (first["id"], "Shop")
    assert second["formerSecretEndsAt"] > second["rotatedAt"]
    assert [operator.status_of(each["key"]) for each in (first, second)] == [200, 200]
    third = operator.key("rotate", "--id", first["id"].removeprefix("key_"), "--overlap", "0")
    assert third["formerSecretEndsAt"] == third["rotatedAt"]
    for ended in (second, first):
        operator.refused_after(ended["key"])
    assert operator.status_of(third["key"]) == 200
    operator.refused("rotate", "--id", first["id"], "--overlap", "2h", status=2)
    assert "no such key" in operator.refused("rotate", "--id", "key_0351pv3bhqkUrHS6jU3Xtk")


@pytest.mark.parametrize("by", ["argument", "standard input"])
def test_a_leaked_key_is_withdrawn_and_never_repeated(operator: Operator, by: str) -> None:
    made = operator.key("create", "--username", "ada", "--style", "lzly", "--name", by)
    secret = made["key"]
    assert operator.status_of(secret) == 200
    words, stdin = (("leaked", secret), "") if by == "argument" else (("leaked", "-"), f"  {secret}\n")
    told = operator.key(*words, stdin=stdin)
    operator.refused_after(secret)
    assert {name: told[name] for name in ("id", "workspace", "name", "revoked", "state")} == {
        "id": made["id"],
        "workspace": operator.account["workspace"],
        "name": by,
        "revoked": True,
        "state": "revoked",
    }
    again = operator.key(*words, stdin=stdin)
    assert (again["revoked"], again["state"], again["revokedAt"]) == (True, "revoked before", told["revokedAt"])
    assert secret not in str((told, again))


def test_a_leaked_key_is_refused_within_a_second(operator: Operator) -> None:
    def attempt() -> float:
        secret = operator.key("create", "--username", "ada")["key"]
        assert operator.status_of(secret) == 200
        operator.key("leaked", secret)
        return operator.refused_after(secret)

    # A busy machine may stand still in the middle of one of them.
    assert any(attempt() <= 1 for _ in range(4))


def test_a_secret_that_a_rotation_has_ended_does_not_take_its_key_along(operator: Operator) -> None:
    first = operator.key("create", "--username", "ada")
    second = operator.key("rotate", "--id", first["id"], "--overlap", "0")
    told = operator.key("leaked", first["key"])
    assert (told["revoked"], told["state"]) == (False, "ended by a rotation")
    assert operator.status_of(second["key"]) == 200


def test_what_is_no_key_and_what_is_nobodys_is_refused_without_repeating_it(operator: Operator) -> None:
    unknown = credentials.mint(Style.EZX, Mode.LIVE)
    for secret, words, stdin in (
        (unknown, ("leaked", unknown), ""),
        (unknown[:-1], ("leaked", unknown[:-1]), ""),
        (unknown[:-1], ("leaked", "-"), unknown[:-1]),
    ):
        said = operator.refused(*words, stdin=stdin)
        assert said.startswith("waypost: ")
        assert secret not in said


def test_a_key_is_bound_to_the_networks_it_is_made_for(operator: Operator) -> None:
    here = operator.key("create", "--username", "ada", "--allow", "127.0.0.0/8, 2001:DB8::/32")
    assert here["allowlist"] == ["127.0.0.0/8", "2001:db8::/32"]
    elsewhere = operator.key("create", "--username", "ada", "--allow", "192.0.2.7")
    assert [operator.status_of(each["key"]) for each in (here, elsewhere)] == [200, 403]
    assert "127.0.0.0/8" in operator.refused("create", "--username", "ada", "--allow", "127.0.0.1/8")


def test_keys_are_listed_without_their_secrets(operator: Operator) -> None:
    answer("account", "create", "--username", "grace", "--email", "grace@example.org", *operator._at)
    first = operator.key("create", "--username", "grace", "--name", "First", "--limit", "5", "--window", "day")
    second = operator.key("create", "--username", "grace", "--name", "Second", "--allow", "::1")
    operator.key("revoke", "--id", first["id"])
    told = operator.key("list", "--username", "Grace")
    assert told["username"] == "grace"
    assert [each["id"] for each in told["keys"]] == [second["id"], first["id"]]
    newer, older = told["keys"]
    assert (older["limit"], older["window"], newer["limit"], newer["allowlist"]) == (5, "day", None, ["::1/128"])
    assert (newer["revokedAt"], newer["lastFour"]) == (None, second["key"][-4:])
    assert older["revokedAt"]
    assert first["key"] not in str(told)
    assert second["key"] not in str(told)
    assert "waypost: " in operator.refused("list", "--username", "nobody-here")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # The servers are at work: what one of them had only begun to write has its name by now.
        return b""


def test_no_file_of_the_stack_holds_a_key(operator: Operator) -> None:
    made = operator.key("create", "--username", "ada")
    rotated = operator.key("rotate", "--id", made["id"])
    operator.key("leaked", made["key"])
    secrets = [made["key"].encode(), rotated["key"].encode()]
    files = [path for path in operator.folder.rglob("*") if path.is_file() and not path.is_socket()]
    held = [path for path in files if any(secret in _content(path) for secret in secrets)]
    assert held == []
    # The search finds what is there to be found.
    assert [path for path in files if made["id"].removeprefix("key_").encode() in _content(path)]
