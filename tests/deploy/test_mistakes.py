"""What an operator gets wrong is told in one sentence, before anything is begun."""

from pathlib import Path

import pytest

from deploy.local.options import read_settings, unknown
from deploy.local.trouble import Trouble, explain
from tests.deploy.command import waypost

ADDRESSES = [
    ("WAYPOST_REDIS_URL", "here"),
    ("WAYPOST_REDIS_URL", "redis://:hush@here:port/0"),
    ("WAYPOST_REDIS_URL", "http://:hush@here/"),
    ("WAYPOST_NATS_URL", "nats://me:hush@here:port"),
    ("WAYPOST_NATS_URL", "here:4222"),
    ("WAYPOST_DATABASE_URL", "postgresql://me:hush@here:port/x"),
    ("WAYPOST_DATABASE_URL", "/var/lib/x"),
    ("WAYPOST_PUBLIC_URL", "links.example.com"),
]


@pytest.mark.parametrize(("name", "url"), ADDRESSES)
def test_what_is_no_address_is_refused_by_name_and_not_repeated(name: str, url: str) -> None:
    with pytest.raises(Trouble, match=f"^{name}: ") as refusal:
        read_settings({name: url})
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("WAYPOST_DATABASE_URL", "postgres://me@one:5432,two:5433/waypost"),
        ("WAYPOST_DATABASE_URL", "postgresql:///waypost?host=/run/postgresql"),
        ("WAYPOST_NATS_URL", "tls://me@here"),
        ("WAYPOST_REDIS_URL", "unix:///run/valkey.sock"),
        ("WAYPOST_REDIS_URL", "rediss://[::1]:6380/1"),
    ],
)
def test_what_the_clients_understand_is_let_through(name: str, url: str) -> None:
    settings = read_settings({name: url})
    assert url in (settings.database_url, settings.nats_url, settings.redis_url)


def test_a_variable_that_is_no_setting_is_told_with_what_it_may_be_meant_to_be() -> None:
    given = {"WAYPOST_PUBLIC_ULR": "x", "WAYPOST_ZZZ": "x", "WAYPOST_SECRET_KEY_FILE": "x", "WAYPOST_NATS_URL": "x"}
    misspelt, strange = unknown(given)
    assert misspelt == "WAYPOST_PUBLIC_ULR is no setting and means nothing; is it WAYPOST_PUBLIC_URL?"
    assert strange.startswith("WAYPOST_ZZZ is no setting")


def test_nothing_is_made_for_a_backup_that_is_not_there(tmp_path: Path) -> None:
    done = waypost("restore", "--from", str(tmp_path / "nowhere"), "--data", str(tmp_path / "stack"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no backup" in done.stderr
    assert not (tmp_path / "stack").exists()


def test_a_file_in_the_place_of_the_data_directory_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "stack").write_text("")
    for place in ("stack", "stack/below"):
        done = waypost("up", "--data", str(tmp_path / place), "--port", "0")
        assert (done.returncode, "is no directory" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("command", ["backup", "restore", "migrate"])
def test_a_database_that_does_not_answer_is_said_to_be_away(tmp_path: Path, command: str) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    words = {
        "backup": ("backup", "--to", str(tmp_path / "new")),
        "restore": ("restore", "--from", str(backup)),
        "migrate": ("migrate",),
    }[command]
    away = "postgresql://me@127.0.0.1:1/x"
    done = waypost(*words, "--data", str(tmp_path / "none"), WAYPOST_DATABASE_URL=away)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False)
    expected = {"backup": "No server answers", "restore": "is no backup", "migrate": "WAYPOST_ROLE_PASSWORD_DIR"}
    assert expected[command] in done.stderr


def test_a_refused_connection_is_no_trouble_of_the_data_directory() -> None:
    assert explain(ConnectionRefusedError(111, "refused"), Path("here")).startswith("No server answers")
