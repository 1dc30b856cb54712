"""Live and test: two worlds side by side in every workspace, which never mix."""

from enum import StrEnum


class Mode(StrEnum):
    """A test key sees and changes test data only."""

    LIVE = "live"
    TEST = "test"
