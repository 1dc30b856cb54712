"""``/api/use``: link management, with ``lzly_live_`` and ``lzly_test_`` keys."""

from gateway.dialects.dialect import Dialect
from gateway.dialects.use import (
    analytics,
    bulk,
    discovery,
    domains,
    export,
    imports,
    key,
    links,
    qr_codes,
    tags,
    webhook_deliveries,
    webhook_events,
    webhooks,
)
from gateway.dialects.use.errors import FIELD_NAMES, WORDS, render

RESOURCES = (
    *links.ENDPOINTS,
    *bulk.ENDPOINTS,
    *export.ENDPOINTS,
    *imports.ENDPOINTS,
    *tags.ENDPOINTS,
    *analytics.ENDPOINTS,
    *qr_codes.ENDPOINTS,
    *domains.ENDPOINTS,
    *webhooks.ENDPOINTS,
    *webhook_deliveries.ENDPOINTS,
    *key.ENDPOINTS,
)

USE = Dialect(
    name="use",
    prefix="/api/use",
    summary="Short links and what becomes of them: for programs that manage links.",
    endpoints=(*discovery.endpoints("/api/use", RESOURCES), *RESOURCES),
    words=WORDS,
    render=render,
    field_names=FIELD_NAMES,
    messages=webhook_events.MESSAGES,
)
