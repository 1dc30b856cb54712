"""A data directory, a console that is written to a file, and settings with short waits."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.local.console import Console
from deploy.local.data_dir import DataDir
from deploy.local.options import read_settings
from shared.settings import Settings
from tests.servers import open_folder


@pytest.fixture
def settings() -> Settings:
    return msgspec.structs.replace(read_settings({}), stop_timeout_seconds=5.0, local_start_timeout_seconds=30.0)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.fixture
def data(tmp_path: Path, settings: Settings) -> DataDir:
    made = DataDir(tmp_path / "stack")
    made.prepare(settings.local_free_disk_bytes)
    return made


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    with open(tmp_path / "shown", "w", encoding="utf-8") as out:
        yield Console(out, os.environ)


@pytest.fixture
def shown(tmp_path: Path) -> Callable[[], str]:
    """What the console has shown so far."""
    return lambda: (tmp_path / "shown").read_text(encoding="utf-8")
