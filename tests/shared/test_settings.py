"""Settings are read once, and a wrong one is named."""

import re
from pathlib import Path

import msgspec
import pytest

from shared.settings import PREFIX, Settings, SettingsError, variable

FIELDS = msgspec.structs.fields(Settings)
HERE = {"WAYPOST_NATS_URL": "nats://127.0.0.1:4222"}


def constraint(name: str) -> msgspec.Meta:
    [field] = [field for field in FIELDS if field.name == name]
    [meta] = field.type.__metadata__
    assert isinstance(meta, msgspec.Meta)
    return meta


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_every_setting_has_one_sentence_about_it(name: str) -> None:
    description = constraint(name).description
    assert description
    assert re.fullmatch(r"[A-Z].*\.", description)


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.name != "nats_url"])
def test_every_setting_but_the_bus_has_a_default_that_it_accepts_itself(name: str) -> None:
    default = getattr(Settings.read(HERE), name)
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    assert getattr(Settings.read(HERE | {variable(name): text}), name) == default


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("listen_port", "http", "Expected a whole number"),
        ("listen_port", "65536", "Expected a whole number <= 65535"),
        ("ask_timeout_seconds", "2s", "Expected a number"),
        ("client_libraries_are_bots", "maybe", "Expected true or false"),
        ("log_format", "xml", "Invalid enum value 'xml'; it is one of json, text"),
    ],
)
def test_what_a_setting_may_be_is_told_in_plain_words(name: str, given: str, said: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.read(HERE | {variable(name): given})
    assert str(refusal.value) == f"{variable(name)}: {said}"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="WAYPOST_NATS_URL"):
        Settings.read({})


def numbers() -> list[str]:
    defaults = Settings.read(HERE)
    values = {field.name: getattr(defaults, field.name) for field in FIELDS}
    return [name for name, value in values.items() if isinstance(value, int | float) and not isinstance(value, bool)]


@pytest.mark.parametrize(("given", "read"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_is_turned_by_a_word_or_a_digit(given: str, read: bool) -> None:
    settings = Settings.read(HERE | {"WAYPOST_CLIENT_LIBRARIES_ARE_BOTS": given})
    assert settings.client_libraries_are_bots is read


@pytest.mark.parametrize("value", ["many", "1s", "nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize("name", numbers())
def test_what_is_no_number_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable(name)}: "):
        Settings.read(HERE | {variable(name): value})


@pytest.mark.parametrize("name", numbers())
def test_a_number_out_of_range_is_refused_by_name(name: str) -> None:
    meta = constraint(name)
    least = meta.ge if meta.ge is not None else meta.gt
    assert least is not None, "every number has a lower bound"
    with pytest.raises(SettingsError, match=f"^{variable(name)}: "):
        Settings.read(HERE | {variable(name): str(least - 1)})


@pytest.mark.parametrize("name", ["log_level", "log_format"])
def test_a_word_that_is_not_offered_is_refused_by_name(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable(name)}: "):
        Settings.read(HERE | {variable(name): "loud"})


def test_a_secret_key_is_long_or_absent() -> None:
    assert Settings.read(HERE).secret_key == ""
    assert Settings.read(HERE | {"WAYPOST_SECRET_KEY": "k" * 32}).secret_key == "k" * 32
    with pytest.raises(SettingsError, match=r"^WAYPOST_SECRET_KEY: "):
        Settings.read(HERE | {"WAYPOST_SECRET_KEY": "k" * 31})


def test_lists_are_separated_by_commas_and_blanks_do_not_matter() -> None:
    read = Settings.read(HERE | {"WAYPOST_OWN_HOSTS": " a.example, b.example ,,"})
    assert read.own_hosts == ("a.example", "b.example")


def test_an_empty_value_counts_as_absent() -> None:
    assert Settings.read(HERE | {"WAYPOST_LISTEN_PORT": "  "}).listen_port == 8080


def test_variables_of_others_are_left_alone() -> None:
    assert Settings.read(HERE | {"ASK_TIMEOUT_SECONDS": "9", "PATH": "/bin"}) == Settings.read(HERE)
    assert PREFIX == "WAYPOST_"


def test_a_number_with_a_fraction_says_its_unit() -> None:
    defaults = Settings.read(HERE)
    odd = [name for name in numbers() if isinstance(getattr(defaults, name), float)]
    assert {name for name in odd if not name.endswith(("_seconds", "_scale"))} == set()


def test_a_value_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("k" * 40 + "\n")
    assert Settings.read(HERE | {"WAYPOST_SECRET_KEY_FILE": str(secret)}).secret_key == "k" * 40
    assert Settings.read({"WAYPOST_NATS_URL_FILE": str(secret)}).nats_url == "k" * 40


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_that_holds_nothing_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(SettingsError, match=r"^WAYPOST_SECRET_KEY_FILE: "):
        Settings.read(HERE | {"WAYPOST_SECRET_KEY_FILE": str(secret)})


def test_a_value_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("8081")
    both = HERE | {"WAYPOST_LISTEN_PORT": "8080", "WAYPOST_LISTEN_PORT_FILE": str(secret)}
    with pytest.raises(SettingsError, match=r"^WAYPOST_LISTEN_PORT: "):
        Settings.read(both)


@pytest.mark.parametrize(
    ("name", "url", "whole"),
    [
        ("nats", "nats://waypost@nats:4222", "nats://waypost:p%40ss%2F%3A@nats:4222"),
        ("redis", "redis://valkey:6379/0", "redis://:p%40ss%2F%3A@valkey:6379/0"),
        (
            "database",
            "postgresql://role@one,two/db?ssl=require",
            "postgresql://role:p%40ss%2F%3A@one,two/db?ssl=require",
        ),
    ],
)
def test_a_password_may_be_given_apart_from_its_server(name: str, url: str, whole: str) -> None:
    given = {f"WAYPOST_{name.upper()}_URL": url, f"WAYPOST_{name.upper()}_PASSWORD": "p@ss/:"}
    assert getattr(Settings.read(HERE | given), f"{name}_url") == whole
