"""Any of our processes, that does not look after the streams when NATS has come back."""

import os
import runpy

import pytest

from shared.bus import Bus
from shared.settings import Settings


def mend(_bus: Bus) -> None:
    return None


pytest.MonkeyPatch().setattr(Bus, "mend", mend)
name = Settings.read(os.environ).process_name
runpy.run_module("gateway" if name.startswith("gateway") else f"services.{name}", run_name="__main__")
