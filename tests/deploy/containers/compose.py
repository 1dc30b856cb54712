"""compose.yaml run by podman-compose, under a name and on ports of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared.ids import new as new_id
from tests.deploy.containers import engine
from tests.servers import free_port

_FILE = engine.HOME / "deploy/compose.yaml"
_PODMAN_COMPOSE = Path(sys.executable).with_name("podman-compose")
_SECONDS = 240


class Compose:
    def __init__(self, folder: Path) -> None:
        self.project = f"waypost-{new_id()[-8:].lower()}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.up_seconds = 0.0
        self._log = folder / "compose.log"
        secrets = folder / "secrets"
        subprocess.run(["sh", engine.HOME / "deploy/make_secrets.sh", secrets], check=True)
        third = new_id().encode()[-1]
        self._environ = {
            **engine.environ(),
            "IMAGE": engine.IMAGE,
            **{f"{name}_IMAGE": engine.SERVERS_IMAGE for name in ("POSTGRES", "NATS", "VALKEY", "CADDY")},
            "HTTP_PORT": f"127.0.0.1:{self.port}",
            "HTTPS_PORT": f"127.0.0.1:{free_port()}",
            "SECRETS": str(secrets),
            "SUBNET": f"172.30.{third}.0/24",
            "WAYPOST_PUBLIC_URL": self.url,
        }

    def up(self) -> None:
        began = time.monotonic()
        self.run("up", "--detach")
        self.up_seconds = time.monotonic() - began

    def run(self, *words: str) -> str:
        argv = [str(_PODMAN_COMPOSE), "--project-name", self.project, "--file", str(_FILE), *words]
        done = subprocess.run(
            argv, env=self._environ, capture_output=True, text=True, check=False, timeout=_SECONDS, cwd=_FILE.parent
        )
        with self._log.open("a") as log:
            log.write(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def waypost(self, *words: str) -> Any:
        """The operator's command inside the container of a service, and its answer."""
        return json.loads(self.run("exec", "-T", "accounts", "waypost", *words))

    def unhealthy(self, parts: Iterable[str]) -> list[str]:
        """Those that do not say of themselves that they are ready: what systemd would ask them where it runs."""
        return [part for part in parts if not engine.succeeds("healthcheck", "run", f"{self.project}_{part}_1")]

    def inspect(self, part: str, what: str) -> str:
        return engine.podman("inspect", f"{self.project}_{part}_1", "--format", f"{{{{{what}}}}}")
