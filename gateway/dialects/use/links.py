"""Short links, one at a time, and lists of them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from gateway.dialects.names import bare
from gateway.dialects.use.ids import LINK, LinkId
from gateway.dialects.use.link_fields import (
    Destination,
    Domain,
    ExternalId,
    LinkBody,
    LinkChanges,
    LinkPut,
    NewLink,
    Slug,
    body_of,
    domain_in,
    given,
)
from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.endpoint import Call, Endpoint, Put
from shared.contracts import links
from shared.contracts.links import Order, Sort, Status
from shared.faults import Code, Fault

Named = Annotated[ExternalId, Meta(examples=["crm-4711"])]

SORTS = {"createdAt": Sort.CREATED_AT, "clicks": Sort.CLICKS}
SHELVES = {"false": False, "true": True, "all": None}


Search = Annotated[
    str, Meta(description="Text in title, short code or destination; capitals do not matter.", examples=["summer"])
]
Tag = Annotated[str, Meta(description="Only links with this tag.", examples=["marketing"])]
Archive = Literal["false", "true", "all"]
OnDomain = Annotated[Domain, Meta(description="Only links on this host.")]


class LinksQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    search: Search | None = None
    status: Annotated[Status | None, Meta(examples=["active"])] = None
    tag: Tag | None = None
    archived: Annotated[Archive | None, Meta(description="Without it: `false`.")] = None
    domain: OnDomain | None = None
    sort_by: Annotated[Literal["createdAt", "clicks"] | None, Meta(description="Without it: `createdAt`.")] = None
    sort_order: Annotated[Order | None, Meta(description="Without it: `desc`.")] = None
    destination_url: Annotated[
        Destination | None,
        Meta(description="Links that lead to this very address, archived ones too. No other filter goes with it."),
    ] = None


class CodeQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    domain: Annotated[
        Domain | None, Meta(description="The host it is on, if it is another than that of this service.")
    ] = None


async def list_links(call: Call, query: LinksQuery) -> Page[LinkBody]:
    """Your links: filtered, sorted, and page by page."""
    if query.destination_url is not None:
        found = await _that_lead_to(call, query, query.destination_url)
    else:
        found = await call.ask(
            links.SearchLinks(
                workspace=call.workspace,
                mode=call.mode,
                search=query.search,
                status=query.status,
                tag=query.tag,
                archived=SHELVES[query.archived or "false"],
                domain=host_of(call, query.domain),
                sort=SORTS[query.sort_by or "createdAt"],
                order=query.sort_order or Order.DESC,
                limit=query.size,
                offset=query.offset,
            )
        )
    return paged([body_of(call, link) for link in found.links], found.total, query)


async def create_link(call: Call, body: NewLink) -> LinkBody:
    """Makes a short link."""
    created = await call.write(links.CreateLink(workspace=call.workspace, mode=call.mode, **given(call, body)))
    return body_of(call, created)


async def get_link(call: Call) -> LinkBody:
    """One of your links."""
    return body_of(call, await call.ask(links.GetLink(workspace=call.workspace, mode=call.mode, id=_id(call))))


async def update_link(call: Call, body: LinkChanges) -> LinkBody:
    """Changes the fields that are given and leaves the others."""
    updated = await call.write(links.UpdateLink(workspace=call.workspace, mode=call.mode, id=_id(call), **asdict(body)))
    return body_of(call, updated)


async def delete_link(call: Call) -> None:
    """Removes a link for good."""
    await call.write(links.DeleteLink(workspace=call.workspace, mode=call.mode, id=_id(call)))


async def get_link_by_code(call: Call, query: CodeQuery) -> LinkBody:
    """The link that has a short code."""
    found = await call.ask(
        links.GetLink(
            workspace=call.workspace,
            mode=call.mode,
            slug=call.path["shortCode"],
            domain=host_of(call, query.domain) or "",
        )
    )
    return body_of(call, found)


async def get_external_link(call: Call) -> LinkBody:
    """The link that has an id of yours."""
    external_id = call.path["externalId"]
    found = await call.ask(links.GetLink(workspace=call.workspace, mode=call.mode, external_id=external_id))
    return body_of(call, found)


async def put_external_link(call: Call, body: LinkPut) -> Put[LinkBody]:
    """Changes the link that has an id of yours as far as fields are given, or makes it if there is none."""
    upserted = await call.write(
        links.UpsertLink(
            workspace=call.workspace, mode=call.mode, external_id=call.path["externalId"], **given(call, body)
        )
    )
    return Put(body_of(call, upserted.link), new=upserted.created)


def host_of(call: Call, domain: str | None) -> str | None:
    return None if domain is None else domain_in(call.settings, domain)


async def _that_lead_to(call: Call, query: LinksQuery, destination_url: str) -> links.LinkPage:
    others = ("search", "status", "tag", "archived", "domain", "sort_by", "sort_order")
    if any(getattr(query, name) is not None for name in others):
        raise Fault(Code.INVALID, "No other filter and no order goes with destinationUrl", field="destination_url")
    return await call.ask(
        links.FindLinks(
            workspace=call.workspace,
            mode=call.mode,
            destination_url=destination_url,
            limit=query.size,
            offset=query.offset,
        )
    )


def _id(call: Call) -> str:
    return bare(LINK, call.path["id"])


ENDPOINTS = (
    Endpoint("GET", "/links", list_links, scope="links:read"),
    Endpoint("POST", "/links", create_link, scope="links:write", status=201),
    Endpoint("GET", "/links/{id}", get_link, scope="links:read", parts={"id": LinkId}),
    Endpoint("PATCH", "/links/{id}", update_link, scope="links:write", parts={"id": LinkId}),
    Endpoint("DELETE", "/links/{id}", delete_link, scope="links:delete", status=204, parts={"id": LinkId}),
    Endpoint("GET", "/links/code/{shortCode}", get_link_by_code, scope="links:read", parts={"shortCode": Slug}),
    Endpoint(
        "GET", "/links/external/{externalId:path}", get_external_link, scope="links:read", parts={"externalId": Named}
    ),
    Endpoint(
        "PUT", "/links/external/{externalId:path}", put_external_link, scope="links:write", parts={"externalId": Named}
    ),
)
