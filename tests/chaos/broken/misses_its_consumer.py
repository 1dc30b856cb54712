"""The analytics service that does not make its consumer again when the stream has none."""

import runpy

import pytest

from shared.bus import Puller

_init = Puller.__init__


def init(self: Puller, client: object, subscription: object, _make: object = None) -> None:
    _init(self, client, subscription)  # type: ignore[arg-type]


pytest.MonkeyPatch().setattr(Puller, "__init__", init)
runpy.run_module("services.analytics", run_name="__main__")
