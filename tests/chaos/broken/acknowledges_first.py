"""The analytics service that acknowledges batches before it has counted them."""

import runpy

import pytest

from shared.bus import Delivery, Puller

_fetch = Puller.fetch


async def fetch(self: Puller, most: int, wait_seconds: float) -> list[Delivery]:
    arrived = await _fetch(self, most, wait_seconds)
    for delivery in arrived:
        await delivery.done()
    return arrived


pytest.MonkeyPatch().setattr(Puller, "fetch", fetch)
runpy.run_module("services.analytics", run_name="__main__")
