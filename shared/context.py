"""What travels with a request: through all processes its id and its deadline, to one service its idempotency key."""

from contextvars import ContextVar

from shared.once import Once

request_id: ContextVar[str] = ContextVar("request_id", default="")

# Unix seconds. A question that is asked on behalf of another never outlives it.
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

# What the question that is being answered carries, if it is a write that may be repeated. Goes no further than this.
once: ContextVar[Once | None] = ContextVar("once", default=None)
