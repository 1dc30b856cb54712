"""Where a watcher is: the id of an event says from where on the stream has to be read after it."""

import re

import msgspec

from shared.faults import Code, Fault

_SHAPE = re.compile(r"([0-9]{1,16})-([0-9]{1,16})-([0-9]{1,6})")
HEADER = "Last-Event-ID"


class Position(msgspec.Struct, frozen=True):
    """Go on with message ``number`` of the stream that was made at ``epoch``, after the first ``skip`` in it."""

    epoch: int
    number: int
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}-{self.skip}"


def read(text: str | None) -> Position | None:
    """The position behind an event's id; None for somebody new. INVALID for what has never been one."""
    if not text:
        return None
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise Fault(Code.INVALID, f"{HEADER} is not the id of an event", field=HEADER)
    return Position(*map(int, found.groups()))
