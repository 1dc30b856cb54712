"""The tags in use."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.endpoint import Call, Endpoint
from shared.contracts import links


class TagBody(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(examples=["marketing"])]
    links: Annotated[int, Meta(ge=0, description="Links that have it; archived ones are not counted.", examples=[12])]


async def list_tags(call: Call, query: PageQuery) -> Page[TagBody]:
    """The tags of your links by name, and how many links have each."""
    found = await call.ask(
        links.ListTags(workspace=call.workspace, mode=call.mode, limit=query.size, offset=query.offset)
    )
    return paged([TagBody(name=tag.name, links=tag.links) for tag in found.tags], found.total, query)


ENDPOINTS = (Endpoint("GET", "/tags", list_tags, scope="links:read"),)
