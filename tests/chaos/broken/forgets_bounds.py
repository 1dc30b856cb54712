"""The gateway that cuts a batch anew after a crash, instead of sending the one that was on its way once more."""

import runpy
from pathlib import Path

import pytest

from gateway.redirect.checkpoint import Checkpoint

_open = Checkpoint.open


def open_without_end(path: Path) -> Checkpoint:
    checkpoint = _open(path)
    checkpoint.position = checkpoint.position._replace(end=checkpoint.position.start)
    return checkpoint


pytest.MonkeyPatch().setattr(Checkpoint, "open", open_without_end)
runpy.run_module("gateway", run_name="__main__")
