"""Questions about several things at once: whether they stand and fall together, and what became of each."""

from enum import StrEnum

import msgspec

from shared.faults import Code


class Atomicity(StrEnum):
    ALL = "all"  # all items, or none when one of them is refused
    EACH = "each"  # every item for itself


class OnConflict(StrEnum):
    """What becomes of a new link whose short code, or whose external id, is taken."""

    SKIP = "skip"
    FAIL = "fail"
    RENAME = "rename"  # it gets a generated short code; an external id that is taken still fails


class Result(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    SKIPPED = "skipped"  # its short code was taken, as the question allowed
    REFUSED = "refused"  # for what ``refusal`` says
    UNDONE = "undone"  # nothing wrong with it, but another item was refused and it was to be all or nothing


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as data: see `shared.faults`."""

    code: Code
    message: str
    details: tuple[dict[str, str], ...] = ()  # field and message, as in a fault
