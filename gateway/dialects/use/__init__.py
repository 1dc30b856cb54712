"""``/api/use``: link management, with ``lzly_live_`` and ``lzly_test_`` keys."""

from gateway.dialects.dialect import Dialect
from gateway.dialects.use import analytics, discovery
from gateway.dialects.use.errors import FIELD_NAMES, WORDS, render

RESOURCES = (*analytics.ENDPOINTS,)

USE = Dialect(
    name="use",
    prefix="/api/use",
    endpoints=(*discovery.endpoints("/api/use", RESOURCES), *RESOURCES),
    words=WORDS,
    render=render,
    field_names=FIELD_NAMES,
)
