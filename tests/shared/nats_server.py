"""A NATS server of a test's own, that can be killed and comes back on the same port."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.servers import free_port


class NatsServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.monitor = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://waypost:secret@127.0.0.1:{self._port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    def start(self) -> None:
        config = self._write()
        server = Path(sys.executable).parent / "nats-server"
        self._process = subprocess.Popen([server, "-c", config], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._listens():
            assert time.monotonic() < until, "the NATS server does not start"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def forget(self) -> None:
        """All that it has kept, as when its disk is lost; while it does not run."""
        shutil.rmtree(self._folder / "nats")

    def _write(self) -> Path:
        config = self._folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self._port}"\nhttp: "127.0.0.1:{self.monitor}"\nserver_name: "{self._folder.name}"\n'
            f"authorization {{ user: waypost, password: secret }}\n"
            f'jetstream {{ store_dir: "{self._folder}/nats", sync_interval: always }}\n'
        )
        return config

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
