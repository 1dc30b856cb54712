"""`waypost up` and the commands around it, as the operator meets them."""

import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pytest

from deploy.local.data_dir import DataDir
from deploy.local.secret_store import load
from shared.contracts import SERVICES
from shared.contracts.keys import SCOPES
from tests.deploy.command import Up, answer, gone, waypost
from tests.servers import open_folder

SERVERS = ("postgres", "nats", "valkey")
OURS = (*SERVICES, "gateway-1", "gateway-2")


class Stack:
    """A stack that is up, for the tests that leave it up."""

    def __init__(self, up: Up, url: str, began: date) -> None:
        self.up = up
        self.url = url
        self.began = began  # a day of UTC, as all of them are
        self.data = str(up.data)

    def pids(self) -> dict[str, int]:
        return {each["name"]: each["pid"] for each in answer("status", "--data", self.data)["processes"]}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    began = today()
    with open_folder() as folder, Up(folder / "stack") as up:
        yield Stack(up, up.wait_until_ready(), began)


def today() -> date:
    return datetime.now(UTC).date()


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as reply:
        return int(reply.status)


def wait_for(up: Up, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in up.said:
        assert time.monotonic() < deadline, up.said
        time.sleep(0.02)


def test_status_names_every_process_and_shows_no_password(stack: Stack) -> None:
    shown = answer("status", "--data", stack.data)
    assert [each["name"] for each in shown["processes"]] == [*SERVERS, *OURS]
    assert {each["state"] for each in shown["processes"]} == {"running"}
    assert all(psutil.pid_exists(each["pid"]) for each in shown["processes"])
    assert set(shown["servers"]) == set(SERVERS)
    assert shown["url"] == stack.url
    secrets = load(DataDir(stack.up.data))
    assert not any(password in str(shown) for password in (secrets.owner_password, secrets.nats_password))


def test_a_second_start_on_the_same_directory_is_refused(stack: Stack) -> None:
    refused = waypost("up", "--port", "0", "--data", stack.data)
    assert refused.returncode == 1
    assert f"process {stack.up.process.pid}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_killed_gateway_is_replaced_and_nobody_is_refused(stack: Stack) -> None:
    before = stack.pids()["gateway-1"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while stack.pids()["gateway-1"] in (None, before):
        assert status_of(f"{stack.url}/livez") == 200
        assert time.monotonic() < deadline


def test_services_do_not_hold_the_owners_credentials(stack: Stack) -> None:
    secrets = load(DataDir(stack.up.data))
    for name, pid in stack.pids().items():
        environ = str(psutil.Process(pid).environ())
        assert secrets.owner_password not in environ, name
        others = [secrets.role_passwords[service] for service in SERVICES if service != name]
        assert not any(password in environ for password in others), name
        assert (secrets.secret_key in environ) == (name in SERVICES), name


def test_an_account_and_its_keys_are_made_and_withdrawn(stack: Stack) -> None:
    at = ("--data", stack.data)
    account = answer("account", "create", "--username", "ada", "--email", "ada@example.org", "--tier", "pro", *at)
    assert account["tier"] == "pro"
    assert account["id"].startswith("usr_")
    assert account["workspace"].startswith("ws_")
    assert len(account["password"]) >= 16

    key = answer("key", "create", "--username", "ada", *at)
    assert key["id"].startswith("key_")
    assert key["key"].startswith("ezx_")
    assert (key["limit"], key["window"], key["expiresAt"]) == (5_000, "hour", None)
    assert set(key["scopes"]) == set(SCOPES)

    narrow = (
        "--scopes",
        "links:read,qr:read",
        "--limit",
        "7",
        "--window",
        "minute",
        "--expires-in",
        "60",
        "--name",
        "N",
    )
    key = answer("key", "create", "--username", "ada", "--style", "lzly", "--mode", "test", *narrow, *at)
    assert key["key"].startswith("lzly_test_")
    assert (sorted(key["scopes"]), key["limit"], key["window"]) == (["links:read", "qr:read"], 7, "minute")
    assert key["expiresAt"].endswith("Z")
    assert key["name"] == "N"

    assert answer("key", "revoke", "--id", key["id"], *at) == {"id": key["id"], "state": "revoked"}


def test_what_is_refused_is_said_on_stderr_with_a_status(stack: Stack) -> None:
    at = ("--data", stack.data)
    answer("account", "create", "--username", "twice", "--email", "twice@example.org", *at)
    for words in (
        ("account", "create", "--username", "twice", "--email", "other@example.org", *at),
        ("key", "create", "--username", "nobody-here", *at),
        ("key", "revoke", "--id", "key_nonsense", *at),
        ("status", "--data", f"{stack.data}-elsewhere"),
    ):
        refused = waypost(*words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("waypost: ")
        assert "Traceback" not in refused.stderr
    assert waypost("key", "create", "--username", "twice", "--scopes", "links:all", *at).returncode == 2


def test_migrating_a_stack_that_is_up_to_date_changes_nothing(stack: Stack) -> None:
    assert answer("migrate", "--data", stack.data) == {"applied": {service: [] for service in SERVICES}}


def test_the_figures_of_today_are_made_anew_and_those_of_a_day_without_raw_clicks_are_not(stack: Stack) -> None:
    made = answer("analytics", "rebuild", "--data", stack.data)
    # A day may have begun since the stack was started.
    days = {made["from"], made["to"]}
    assert days <= {str(stack.began), str(today())}
    assert made["days"] == len(days)
    refused = waypost("analytics", "rebuild", "--from", "2020-02-29", "--to", "2020-02-29", "--data", stack.data)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "The raw visits of 2020-02-29 are not kept any more" in refused.stderr
    assert waypost("analytics", "rebuild", "--from", "yesterday", "--data", stack.data).returncode == 2


def test_a_taken_port_is_said_first_of_all(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = str(taker.getsockname()[1])
        refused = waypost("up", "--port", port, "--data", str(tmp_path / "stack"))
    assert refused.returncode == 1
    assert f"Port {port} is taken by process {os.getpid()}" in refused.stderr
    assert "--port 0" in refused.stderr
    assert not (tmp_path / "stack" / "postgres").exists()


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "stack"
    with Up(data) as first:
        first.wait_until_ready()
        answer("account", "create", "--username", "ada", "--email", "ada@example.org", "--data", str(data))
        demo_key = load(DataDir(data)).demo_key
        processes = first.everything()
        assert len(processes) > len(OURS) + len(SERVERS)
        first.stop(signal.SIGKILL)
    # At once, while the processes of the first are still on their way out.
    with Up(data) as second:
        second.wait_until_ready()
        assert gone(processes, 20)
        assert answer("key", "create", "--username", "ada", "--data", str(data))["key"]
        assert load(DataDir(data)).demo_key == demo_key


def test_whenever_it_is_stopped_nothing_is_left_running_and_the_next_start_goes_on_from_there(tmp_path: Path) -> None:
    for moment in ("initialising PostgreSQL", "starting the services", "starting the gateway"):
        with Up(tmp_path / "stack") as up:
            wait_for(up, moment)
            processes = up.everything()
            assert up.stop(signal.SIGINT) == 0
            assert gone(processes, 0)
    with Up(tmp_path / "stack") as up:
        up.wait_until_ready()
        processes = up.everything()
        assert up.stop() == 0
        assert gone(processes, 0)
        assert "nothing is left running" in up.said
    assert waypost("status", "--data", str(up.data)).returncode == 1


def test_a_server_that_the_environment_names_is_used(stack: Stack, tmp_path: Path) -> None:
    address = answer("status", "--data", stack.data)["servers"]["valkey"]["address"]
    password = load(DataDir(stack.up.data)).valkey_password
    with Up(tmp_path / "stack", WAYPOST_REDIS_URL=address.replace("//", f"//:{password}@")) as up:
        up.wait_until_ready()
        shown = answer("status", "--data", str(up.data))
    assert "valkey" not in [each["name"] for each in shown["processes"]]
    assert shown["servers"]["valkey"] == {"address": address, "embedded": False}
