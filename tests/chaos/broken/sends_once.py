"""The gateway that takes a batch for shipped though the stream has not taken it."""

import contextlib
import runpy

import pytest

from gateway.redirect.shipper import Shipper
from gateway.redirect.spool import Parcel
from shared.contracts.analytics import CLICKS_SUBJECT
from shared.faults import Fault


async def deliver(self: Shipper, parcel: Parcel) -> None:
    with contextlib.suppress(Fault):
        await self._publish(CLICKS_SUBJECT, parcel.payload, parcel.id, self._ack_timeout)


pytest.MonkeyPatch().setattr(Shipper, "_deliver", deliver)
runpy.run_module("gateway", run_name="__main__")
