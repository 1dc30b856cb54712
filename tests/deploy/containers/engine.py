"""Podman as it is found, and the images that the tests need, made of Debian's packages where no registry is at hand."""

import atexit
import os
import resource
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from deploy.local import binaries

HOME = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
IMAGE = "localhost/waypost:test"
SERVERS_IMAGE = "localhost/waypost-servers:test"
# Whoever has others names them; what is in no local storage is bootstrapped.
BASE = os.environ.get("BASE", "localhost/debian-python:12")
SERVERS_BASE = os.environ.get("SERVERS_BASE", "localhost/debian-servers:12")
_PACKAGES = {
    BASE: "python3,python3-venv,ca-certificates",
    SERVERS_BASE: "ca-certificates,wget,passwd,redis-tools,caddy",
}
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_MOST_FILES = 20_000
_MOST_PROCESSES = 32_768
# What a build behind an index or a proxy of one's own needs, where this machine has it.
_SECRETS = {"pip": Path("/etc/pip.conf"), "certificates": Path("/etc/ssl/certs/ca-certificates.crt")}


def missing() -> str | None:
    """Why nothing can be tried here; None when it can."""
    if shutil.which("podman") is None or shutil.which("buildah") is None:
        return "there is no container engine: podman and buildah are not installed"
    if os.geteuid() != 0:
        return "networks and ulimits of containers are set up as root here"
    for image in (BASE, SERVERS_BASE):
        if not has(image) and shutil.which("mmdebstrap") is None:
            return f"there is no {image}, and no mmdebstrap to make one"
    return None


def environ() -> dict[str, str]:
    return {**os.environ, "CONTAINERS_CONF": str(_config())}


def podman(*words: str, check: bool = True) -> str:
    done = subprocess.run(["podman", *words], env=environ(), capture_output=True, text=True, check=False, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def succeeds(*words: str) -> bool:
    done = subprocess.run(["podman", *words], env=environ(), capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def has(image: str) -> bool:
    return succeeds("image", "exists", image)


def build_ours() -> None:
    _bootstrap(BASE)
    secrets = [f"--secret=id={name},src={path}" for name, path in _SECRETS.items() if path.exists()]
    _build(
        "--file", str(HOME / "deploy/Dockerfile"), "--build-arg", f"BASE={BASE}", *secrets, "--tag", IMAGE, str(HOME)
    )


def build_servers() -> None:
    _bootstrap(SERVERS_BASE)
    with tempfile.TemporaryDirectory() as folder:
        for part in _server_files():
            copy = shutil.copytree if part.is_dir() else shutil.copy2
            copy(part, Path(folder) / part.name)
        file = HERE / "servers.Dockerfile"
        _build("--file", str(file), "--build-arg", f"BASE={SERVERS_BASE}", "--tag", SERVERS_IMAGE, folder)


def _server_files() -> list[Path]:
    package = binaries.find_postgres().path.parents[2]
    servers = [binaries.find_nats().path, binaries.find_valkey().path]
    return [package, package.with_name(f"{package.name}.libs"), *servers, HERE / "entrypoint.sh"]


def _build(*words: str) -> None:
    # A chroot and the machine's own network do where a container may not make its own.
    _run("buildah", "build", "--isolation=chroot", "--network=host", "--format=docker", "--layers", *words)


def _bootstrap(image: str) -> None:
    if has(image):
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/base.tar"
        sources = [str(_SOURCES)] if _SOURCES.exists() else []
        include = f"--include={_PACKAGES[image]}"
        _run("mmdebstrap", "--variant=essential", include, "bookworm", archive, *sources)
        podman("import", "--quiet", archive, image)


def _run(*words: str) -> None:
    done = subprocess.run(words, env=environ(), capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        pytest.fail(f"{words[0]} has failed: {(done.stdout + done.stderr)[-4000:]}")


@cache
def _config() -> Path:
    """For this run alone: no more than this process may have itself, and no systemd where there is none."""
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _MOST_FILES)
    processes = min(resource.getrlimit(resource.RLIMIT_NPROC)[1], _MOST_PROCESSES)
    engine = ""
    if not Path("/run/systemd/system").exists():
        engine = '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        if shutil.which("runc"):
            engine += 'runtime = "runc"\n'
    folder = tempfile.mkdtemp(prefix="waypost-")
    atexit.register(shutil.rmtree, folder)
    config = Path(folder) / "containers.conf"
    limits = f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]'
    config.write_text(f"[containers]\n{limits}\n{engine}")
    return config
