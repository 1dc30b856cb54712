"""The directory that holds everything of one stack, and the lock that keeps a second stack out of it."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from deploy.local.trouble import Trouble, explained


class DataDir:
    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.lock = self.root / "lock"
        self.state = self.root / "state.json"
        self.secrets = self.root / "secrets.json"
        self.imports = self.root / "imports"
        self.logs = self.root / "logs"
        self.journal = self.root / "journal"
        self.postgres = self.root / "postgres"
        self.nats = self.root / "nats"
        self.valkey = self.root / "valkey"

    def prepare(self, free_bytes: int) -> None:
        """Makes the directories; raises `Trouble` when they cannot be written or less than ``free_bytes`` are free."""
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            # Others may pass through but not look around: the system user of PostgreSQL has its directory in here.
            self.root.chmod(0o711)
            for directory in (self.logs, self.journal, self.nats, self.valkey):
                directory.mkdir(mode=0o700, exist_ok=True)
        self.check_space(free_bytes)

    def check_space(self, free_bytes: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < free_bytes:
            raise Trouble(
                f"The disk that holds {self.root} has only {free >> 20} MiB left and {free_bytes >> 20} are needed: "
                "free some space, or choose another place with --data DIR"
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other stack out until the end of the block, or of this process however it ends."""
        with explained(self.lock):
            lock = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(lock, 32).decode(errors="replace").strip()
                raise Trouble(
                    f"Another stack (process {holder or 'unknown'}) runs on {self.root}: "
                    "stop it, or choose another place with --data DIR"
                ) from None
            with explained(self.lock):
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(lock)
