"""The one error type. Services raise it, the bus carries it, each dialect has its own words for it."""

from enum import StrEnum


class Code(StrEnum):
    """What went wrong, as a closed list. Each dialect maps every code to its own status and word."""

    INVALID = "invalid"  # ill-formed or out of range; details: field, reason
    IMPOSSIBLE = "impossible"  # well-formed, but it cannot be done (an expiry in the past, a reserved slug)
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD = "method"  # the path exists, the method does not
    CONFLICT = "conflict"
    BUSY = "busy"  # the same request, with the same idempotency key, is being worked on; retry_after: seconds
    TOO_LARGE = "too_large"
    LIMITED = "limited"  # retry_after: seconds
    UNAVAILABLE = "unavailable"  # nobody can answer right now
    TIMEOUT = "timeout"  # somebody should have answered by now
    INTERNAL = "internal"


class Detail(dict[str, str]):
    """One complaint about one field: ``{"field": …, "message": …}``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field=field, message=message)


class Fault(Exception):
    """A refusal that the caller may read.

    ``message`` is for people; ``details`` name fields; ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        field: str | None = None,
        details: tuple[Detail, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or ((Detail(field, message),) if field else ())
        self.retry_after = retry_after
