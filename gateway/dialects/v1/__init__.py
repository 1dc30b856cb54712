"""``/v1``: the creator's API, with ``ezx_`` keys."""

from gateway.dialects.dialect import Dialect
from gateway.dialects.v1 import analytics, links, live, profile, templates
from gateway.dialects.v1.errors import FIELD_NAMES, WORDS, render

V1 = Dialect(
    name="v1",
    prefix="/v1",
    summary="The creator's API: profile, links, templates and analytics.",
    endpoints=(*profile.ENDPOINTS, *links.ENDPOINTS, *templates.ENDPOINTS, *analytics.ENDPOINTS, *live.ENDPOINTS),
    words=WORDS,
    render=render,
    field_names=FIELD_NAMES,
)
