"""What travels with a request through all processes: its id and its deadline."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")

# Unix seconds. A question that is asked on behalf of another never outlives it.
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
