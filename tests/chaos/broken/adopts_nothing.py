"""The gateway that leaves the journals of dead workers alone, its own earlier one included."""

import runpy
from pathlib import Path

import pytest

from gateway.redirect import spool
from gateway.redirect.counts import Counts
from shared.settings import Settings


def claim(_path: Path, _settings: Settings, _counts: Counts) -> None:
    return None


pytest.MonkeyPatch().setattr(spool, "claim", claim)
runpy.run_module("gateway", run_name="__main__")
