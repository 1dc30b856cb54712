"""The headers of every answer."""

from gateway.docs.schemas import Json

RATE = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit")


def _header(kind: str, description: str, example: object) -> Json:
    return {"description": description, "schema": {"type": kind}, "example": example}


REPLAYED = "Idempotent-Replayed"

IDEMPOTENCY_KEY: Json = {
    "name": "X-Idempotency-Key",
    "in": "header",
    "description": "Names this write, for example by a UUID. However often it is sent, it is done once, and answered "
    "as it was the first time. `Idempotency-Key` says the same.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an earlier answer: if nothing has changed since, this one is 304 without a body.",
    "schema": {"type": "string"},
}

# The rate headers are absent only where the operator has switched off every limit.
HEADERS: Json = {
    "X-RateLimit-Limit": _header("integer", "Requests that the tightest limit allows in its window.", 1000),
    "X-RateLimit-Remaining": _header("integer", "Requests that are left of it.", 997),
    "X-RateLimit-Reset": _header("integer", "When requests are possible again, in Unix seconds.", 1767225600),
    "RateLimit-Policy": _header("string", "That limit: `q` requests in `w` seconds.", '"key";q=1000;w=3600'),
    "RateLimit": _header("string", "`r` requests are left, and the window ends in `t` seconds.", '"key";r=997;t=3540'),
    "Retry-After": _header("integer", "How long to wait, in seconds.", 12),
    "Idempotent-Replayed": _header("string", "`true`: this was done before, and is answered as it was then.", "true"),
    "ETag": _header("string", "Of the file as it is now; `If-None-Match` asks for it only if it is another.", '"5d41"'),
    "WWW-Authenticate": _header("string", "How a key is shown; `X-API-Key` does as well.", "Bearer"),
    "X-Request-Id": _header("string", "Names this request in the logs.", "02FvM8kQ7yZtLw3RbXc5Na"),
}


def references(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
