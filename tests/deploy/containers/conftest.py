"""The images, built once, and the stack that compose.yaml makes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import engine
from tests.deploy.containers.compose import Compose


@pytest.fixture(scope="session")
def image() -> str:
    if reason := engine.missing():
        pytest.skip(reason)
    engine.build_ours()
    return engine.IMAGE


@pytest.fixture(scope="session")
def compose(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    engine.build_servers()
    folder: Path = tmp_path_factory.mktemp("compose")
    made = Compose(folder)
    try:
        made.up()
        yield made
    finally:
        made.run("down", "--volumes", "--timeout", "5")
