"""The image as it was built: small, with nothing to break in with, and well-behaved as the first process."""

import json
import subprocess
import time

import pytest

from tests.deploy.containers import engine
from tests.deploy.containers.engine import podman
from tests.servers import free_port

pytestmark = pytest.mark.containers

MOST_BYTES = 330_000_000  # on a base of Debian 12 with its Python


def inside(image: str, script: str) -> str:
    return podman(
        "run", "--rm", "--read-only", "--network=none", "--no-healthcheck", "--entrypoint", "sh", image, "-c", script
    )


def test_the_image_is_small_and_says_what_it_is(image: str) -> None:
    [told] = json.loads(podman("image", "inspect", image))
    assert told["Size"] < MOST_BYTES
    labels = told["Labels"]
    assert labels["org.opencontainers.image.title"] == "Waypost"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert told["Config"]["User"] == "10001:10001"
    assert told["Healthcheck"]["Test"] == ["CMD", "python", "-m", "deploy.healthy"]


def test_there_is_nothing_inside_to_build_or_to_break_in_with(image: str) -> None:
    assert inside(image, "id -u") == "10001"
    assert (
        inside(
            image, "for tool in cc gcc make pip pip3 uv pytest nats-server postgres; do command -v $tool; done; true"
        )
        == ""
    )
    assert inside(image, "touch /opt/waypost/x /etc/x /x 2>/dev/null || echo refused") == "refused"
    assert inside(image, "ls /run/secrets /build /tools 2>/dev/null; true") == ""


def test_the_image_lists_what_is_inside(image: str) -> None:
    bill = json.loads(inside(image, "cat /opt/waypost/sbom.cdx.json"))
    assert bill["metadata"]["component"]["purl"].startswith("pkg:pypi/waypost@")
    names = {part["purl"].split("@")[0] for part in bill["components"] if "purl" in part}
    assert {"pkg:pypi/asyncpg", "pkg:pypi/aiohttp", "pkg:deb/debian/libc6"} <= names
    installed = inside(image, "ls /opt/waypost/lib/python3*/site-packages | grep dist-info | wc -l")
    assert len([name for name in names if name.startswith("pkg:pypi/")]) + 1 == int(installed)


def test_the_first_process_of_a_container_ends_when_it_is_asked_to(image: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    name = podman(
        "run",
        "--detach",
        "--read-only",
        "--env",
        f"WAYPOST_NATS_URL=nats://{nowhere}",
        "--env",
        f"WAYPOST_REDIS_URL=redis://{nowhere}",
        "--tmpfs=/var/lib/waypost",
        image,
    )
    try:
        deadline = time.monotonic() + 30
        while "Waiting for NATS" not in _logs(name):
            assert time.monotonic() < deadline, _logs(name)
            time.sleep(0.1)
        podman("stop", "--time", "20", name)
        # Killed after the time it was given, it would have 137.
        assert podman("inspect", name, "--format", "{{.State.ExitCode}}") == "143"
    finally:
        podman("rm", "--force", name)


def _logs(name: str) -> str:
    done = subprocess.run(["podman", "logs", name], env=engine.environ(), capture_output=True, text=True, check=True)
    return done.stdout + done.stderr
