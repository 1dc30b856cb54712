"""The analytics service that does not write down which batches it has counted."""

import runpy
from collections.abc import Sequence

import pytest

from services.analytics import store
from shared.database import Connection


async def insert_batches(_tx: Connection, batches: Sequence[str]) -> list[str]:
    return list(batches)


pytest.MonkeyPatch().setattr(store, "insert_batches", insert_batches)
runpy.run_module("services.analytics", run_name="__main__")
