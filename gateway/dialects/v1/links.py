"""Links on the caller's profile."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.names import bare
from gateway.endpoint import Call, Endpoint
from gateway.wire import moment
from shared.contracts import links
from shared.short_urls import short_url

PREFIX = "lnk_"

LinkId = Annotated[str, Meta(examples=["lnk_02FvM8kQ7yZtLw3RbXc5Na"])]
Title = Annotated[str, Meta(min_length=1, max_length=255, examples=["My Website"])]
Url = Annotated[
    str, Meta(description="An `http` or `https` address, at most 2,048 characters.", examples=["https://example.com"])
]
Description = Annotated[str, Meta(description="At most 500 characters.")]
Thumbnail = Annotated[str, Meta(description="Address of a picture.")]
IsActive = Annotated[bool, Meta(description="Is it on the page, and does it lead anywhere?")]
ShortCode = Annotated[str, Meta(description="3 to 50 letters, digits, hyphens and underscores.")]
Order = Annotated[int, Meta(ge=0, le=1_000_000, description="Place on the page, smallest first.")]
Time = Annotated[str, Meta(description="In UTC.", examples=["2026-01-31T09:05:00.123Z"])]


class LinkBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: LinkId
    title: Annotated[str | None, Meta(examples=["My Website"])]
    url: Url
    description: Description | None
    thumbnail: Thumbnail | None
    short_code: Annotated[ShortCode, Meta(examples=["my-site"])]
    short_url: Annotated[str, Meta(examples=["https://go.example/my-site"])]
    clicks: Annotated[int, Meta(ge=0, description="Clicks of people since the link exists.", examples=[7])]
    is_active: Annotated[IsActive, Meta(examples=[True])]
    order: Order
    created_at: Time
    updated_at: Time


class LinkList(msgspec.Struct, frozen=True):
    links: list[LinkBody]
    total: Annotated[int, Meta(ge=0, description="All that match.", examples=[1])]


class LinkQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="Links in the answer.")] = 50
    offset: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Links to pass over.")] = 0
    active: Annotated[bool | None, Meta(description="Only active, or only inactive links.")] = None


class NewLink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    title: Title
    url: Url
    description: Description | None = None
    thumbnail: Thumbnail | None = None
    is_active: IsActive = True
    short_code: Annotated[ShortCode | None, Meta(description="Generated if omitted.")] = None
    order: Order | None = None


class LinkChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed; null clears an optional value."""

    title: Title | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    description: Description | None | UnsetType = UNSET
    thumbnail: Thumbnail | None | UnsetType = UNSET
    is_active: IsActive | UnsetType = UNSET
    short_code: ShortCode | UnsetType = UNSET
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
        short_url=short_url(call.settings.public_url, link.domain, link.slug),
        clicks=link.clicks,
        is_active=link.active,
        order=link.position,
        created_at=moment(link.created_at),
        updated_at=moment(link.updated_at),
    )


ENDPOINTS = (
    Endpoint("GET", "/links", list_links, scope="links:read"),
    Endpoint("POST", "/links", create_link, scope="links:write", status=201),
    Endpoint("GET", "/links/{id}", get_link, scope="links:read", parts={"id": LinkId}),
    Endpoint("PATCH", "/links/{id}", update_link, scope="links:write", parts={"id": LinkId}),
    Endpoint("DELETE", "/links/{id}", delete_link, scope="links:delete", status=204, parts={"id": LinkId}),
)
