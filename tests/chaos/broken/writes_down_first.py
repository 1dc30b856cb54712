"""The webhooks service that writes down that a delivery has arrived, and sends it a third of a second later."""

import asyncio
import runpy
from datetime import UTC, datetime

import pytest

from services.webhooks.attempt import Outcome
from services.webhooks.sending import Sender
from services.webhooks.store_sending import Claimed

LATER_SECONDS = 0.3

_begin = Sender._begin


def begin(self: Sender, claimed: Claimed) -> None:
    self._judge(claimed, Outcome(at=datetime.now(UTC), took_ms=0, status=200))
    asyncio.get_running_loop().call_later(LATER_SECONDS, _begin, self, claimed)


pytest.MonkeyPatch().setattr(Sender, "_begin", begin)
runpy.run_module("services.webhooks", run_name="__main__")
