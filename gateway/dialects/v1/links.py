"""Links on the caller's profile."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.names import bare
from gateway.endpoint import Call, Endpoint
from gateway.wire import moment
from shared.contracts import links

PREFIX = "lnk_"

Title = Annotated[str, Meta(min_length=1, max_length=255)]
Order = Annotated[int, Meta(ge=0, le=1_000_000, description="Place on the page, smallest first.")]


class LinkBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    title: str | None
    url: str
    description: str | None
    thumbnail: str | None
    short_code: str
    short_url: str
    clicks: int
    is_active: bool
    order: int
    created_at: str
    updated_at: str


class LinkList(msgspec.Struct, frozen=True):
    links: list[LinkBody]
    total: int


class LinkQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="Links in the answer.")] = 50
    offset: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Links to pass over.")] = 0
    active: Annotated[bool | None, Meta(description="Only active, or only inactive links.")] = None


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    title: Title
    url: str
    description: str | None = None
    thumbnail: str | None = None
    is_active: bool = True
    short_code: str | None = None
    order: Order | None = None


class LinkChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed; null clears an optional value."""

    title: Title | UnsetType = UNSET
    url: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    thumbnail: str | None | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    short_code: str | UnsetType = UNSET
    order: Order | UnsetType = UNSET


async def list_links(call: Call, query: LinkQuery) -> LinkList:
    """All your links with their settings, in the order in which your page shows them."""
    page = await call.ask(
        links.ListLinks(
            workspace=call.workspace, mode=call.mode, active=query.active, limit=query.limit, offset=query.offset
        )
    )
    return LinkList([_body(call, link) for link in page.links], page.total)


async def create_link(call: Call, body: NewLink) -> LinkBody:
    """Adds a link to your profile."""
    created = await call.write(
        links.CreateLink(
            workspace=call.workspace,
            mode=call.mode,
            destination_url=body.url,
            slug=body.short_code,
            title=body.title,
            description=body.description,
            thumbnail=body.thumbnail,
            active=body.is_active,
            position=body.order,
        )
    )
    return _body(call, created)


async def get_link(call: Call) -> LinkBody:
    """One of your links."""
    return _body(call, await call.ask(links.GetLink(workspace=call.workspace, mode=call.mode, id=_id(call))))


async def update_link(call: Call, body: LinkChanges) -> LinkBody:
    """Changes the fields that are given and leaves the others."""
    updated = await call.write(
        links.UpdateLink(
            workspace=call.workspace,
            mode=call.mode,
            id=_id(call),
            destination_url=body.url,
            slug=body.short_code,
            title=body.title,
            description=body.description,
            thumbnail=body.thumbnail,
            active=body.is_active,
            position=body.order,
        )
    )
    return _body(call, updated)


async def delete_link(call: Call) -> None:
    """Removes a link for good."""
    await call.write(links.DeleteLink(workspace=call.workspace, mode=call.mode, id=_id(call)))


def _id(call: Call) -> str:
    return bare(PREFIX, call.path["id"])


def _body(call: Call, link: links.Link) -> LinkBody:
    return LinkBody(
        id=PREFIX + link.id,
        title=link.title,
        url=link.destination_url,
        description=link.description,
        thumbnail=link.thumbnail,
        short_code=link.slug,
        short_url=f"{call.settings.public_url}/{link.slug}",
        clicks=link.clicks,
        is_active=link.active,
        order=link.position,
        created_at=moment(link.created_at),
        updated_at=moment(link.updated_at),
    )


ENDPOINTS = (
    Endpoint("GET", "/links", list_links, scope="links:read"),
    Endpoint("POST", "/links", create_link, scope="links:write", status=201),
    Endpoint("GET", "/links/{id}", get_link, scope="links:read"),
    Endpoint("PATCH", "/links/{id}", update_link, scope="links:write"),
    Endpoint("DELETE", "/links/{id}", delete_link, scope="links:delete", status=204),
)
