"""Names and ids between the inside and a dialect."""

import re
from collections.abc import Mapping

from shared import ids
from shared.faults import Code, Fault


def translated(field: str, names: Mapping[str, str]) -> str:
    """A contract's field in a dialect's words: by its table as a whole or part by part, else in camelCase."""
    if whole := names.get(field):
        return whole
    return ".".join(
        names.get(part) or re.sub(r"_([a-z])", lambda match: match[1].upper(), part) for part in field.split(".")
    )


def bare(prefix: str, public: str) -> str:
    """The id behind ``lnk_…``. An id of another kind does not exist here: NOT_FOUND."""
    inner = public.removeprefix(prefix)
    if inner == public or not ids.valid(inner):
        raise Fault(Code.NOT_FOUND, "Requested resource not found")
    return inner
