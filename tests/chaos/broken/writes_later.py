"""The gateway that answers first and writes the click down half a second later."""

import asyncio
import runpy

import pytest

from gateway.redirect.journal import Journal
from shared.contracts.analytics import Visit

LATER_SECONDS = 0.5

_append = Journal.append


def append(self: Journal, visit: Visit) -> bool:
    asyncio.get_running_loop().call_later(LATER_SECONDS, _append, self, visit)
    return True


pytest.MonkeyPatch().setattr(Journal, "append", append)
runpy.run_module("gateway", run_name="__main__")
