"""Which click is the scan of a QR code: the code's token stands in the query, and the target knows whose it is."""

from shared.contracts.links.qr_codes import PARAMETER
from shared.contracts.targets import Target

_NAMED = f"{PARAMETER}=".encode()


def code_of(target: Target, query: bytes) -> str:
    """The id of the code that was scanned, or "". Any other word is a part of the query like others."""
    if target.codes and _NAMED in query:
        for part in query.split(b"&"):
            if part.startswith(_NAMED) and (code := target.codes.get(part[len(_NAMED) :].decode("latin-1"))):
                return code
    return ""


def without_token(target: Target, query: bytes) -> bytes:
    """What of the query is the visitor's and not ours."""
    codes = target.codes
    if not codes or _NAMED not in query:
        return query
    return b"&".join(part for part in query.split(b"&") if not _is_token(part, codes))


def _is_token(part: bytes, codes: dict[str, str]) -> bool:
    return part.startswith(_NAMED) and part[len(_NAMED) :].decode("latin-1") in codes
