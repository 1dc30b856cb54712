"""The idempotency key of a request: who may repeat what, and how it is recognised."""

import hashlib
import re
from datetime import datetime

from starlette.types import Scope

from shared.contracts.keys import Verdict
from shared.faults import Code, Fault
from shared.once import Once

FIELD = "idempotencyKey"
_HEADERS = (b"x-idempotency-key", b"idempotency-key")
_SHAPE = re.compile(rb"[\x21-\x7e]{1,255}")


def key_of(scope: Scope) -> str | None:
    """None when the request carries no key; INVALID when what it carries is none, or when it carries two."""
    given = {value.strip() for name, value in scope["headers"] if name in _HEADERS}
    if not given:
        return None
    if len(given) > 1:
        raise Fault(Code.INVALID, "Two idempotency keys are given, and they differ", field=FIELD)
    key: bytes = given.pop()
    if not _SHAPE.fullmatch(key):
        raise Fault(Code.INVALID, "An idempotency key has 1 to 255 visible ASCII characters", field=FIELD)
    return key.decode("ascii")


def once_of(key: str, caller: Verdict, scope: Scope, body: bytes, now: datetime) -> Once:
    return Once(
        workspace=caller.workspace,
        mode=caller.mode,
        key=key,
        fingerprint=_fingerprint(scope, body),
        asked_at=now,
    )


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    """Two requests have the same one if, and only if, their method, path, query and body are the same."""
    digest = hashlib.sha256()
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
