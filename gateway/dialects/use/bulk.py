"""Several links in one request."""

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from gateway.dialects.names import bare, translated
from gateway.dialects.use.errors import FIELD_NAMES, WORDS, Complaint
from gateway.dialects.use.ids import LINK, LINK_PATTERN
from gateway.dialects.use.link_fields import LinkBody, LinkEdit, NewLink, body_of, given
from gateway.endpoint import Call, Endpoint
from shared.contracts import link_fields, links
from shared.contracts.bulk import Atomicity, Refusal, Result
from shared.faults import Code, Detail, Fault

MOST = 100

Atomic = Annotated[bool, Meta(description="All or, when one is refused, none; else each for itself.", examples=[True])]


class NewLinks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    links: Annotated[tuple[NewLink, ...], Meta(min_length=1, max_length=MOST)]
    atomic: Atomic = True


class LinkEdits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    links: Annotated[tuple[LinkEdit, ...], Meta(min_length=1, max_length=MOST)]
    atomic: Atomic = True


class DeleteQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ids: Annotated[
        str,
        Meta(description="1 to 100 ids of links, with commas between them.", examples=["lnk_02FvM8kQ7yZtLw3RbXc5Na"]),
    ]
    atomic: Atomic = True


class ItemError(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why an item was refused, in the words of an error answer."""

    error: str
    message: str
    status_code: int
    details: tuple[Complaint, ...]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    result: Result
    link: Annotated[LinkBody | None, Meta(description="As it is now, or as it was when it was deleted.")]
    error: ItemError | None


class Items(msgspec.Struct, frozen=True, kw_only=True):
    results: Annotated[tuple[Item, ...], Meta(description="One for each item, in the order of the request.")]


async def create_links(call: Call, body: NewLinks) -> Items:
    """Makes 1 to 100 links; at most ten of them may have a password."""
    new = tuple(link_fields.NewLink(**given(call, each)) for each in body.links)
    outcomes = await call.write(
        links.CreateLinks(workspace=call.workspace, mode=call.mode, links=new, atomicity=_atomicity(body.atomic))
    )
    return _items(call, outcomes, "links")


async def update_links(call: Call, body: LinkEdits) -> Items:
    """Changes 1 to 100 different links; at most ten of them may get a password."""
    edits = tuple(link_fields.LinkEdit(**asdict(each) | {"id": bare(LINK, each.id)}) for each in body.links)
    outcomes = await call.write(
        links.UpdateLinks(workspace=call.workspace, mode=call.mode, links=edits, atomicity=_atomicity(body.atomic))
    )
    return _items(call, outcomes, "links")


async def delete_links(call: Call, query: DeleteQuery) -> Items:
    """Removes 1 to 100 different links for good."""
    ids = _ids(query.ids)
    outcomes = await call.write(
        links.DeleteLinks(workspace=call.workspace, mode=call.mode, ids=ids, atomicity=_atomicity(query.atomic))
    )
    return _items(call, outcomes, "ids")


def _ids(listed: str) -> tuple[str, ...]:
    named = listed.split(",")
    if len(named) > MOST or not all(re.fullmatch(LINK_PATTERN, each) for each in named):
        raise Fault(Code.INVALID, f"1 to {MOST} ids of links are needed, with commas between them", field="ids")
    return tuple(bare(LINK, each) for each in named)


def _atomicity(atomic: bool) -> Atomicity:
    return Atomicity.ALL if atomic else Atomicity.EACH


def _items(call: Call, outcomes: links.Outcomes, field: str) -> Items:
    """What has become of each; a fault that names every item refused, when that is why nothing was done."""
    if not outcomes.done:
        raise _nothing_done(outcomes.items, field)
    return Items(
        results=tuple(
            Item(
                result=each.result,
                link=None if each.link is None else body_of(call, each.link),
                error=None if each.refusal is None else _item_error(each.refusal),
            )
            for each in outcomes.items
        )
    )


def _nothing_done(items: Sequence[links.Outcome], field: str) -> Fault:
    refused = [(f"{field}[{place}]", each.refusal) for place, each in enumerate(items) if each.refusal is not None]
    details: list[Detail] = []
    for name, refusal in refused:
        details += [Detail(f"{name}.{each['field']}", each["message"]) for each in refusal.details]
        if not refusal.details:
            details.append(Detail(name, refusal.message))
    # What is ill-formed weighs most, as it does when a single link is refused.
    name, first = min(refused, key=lambda each: each[1].code is not Code.INVALID)
    return Fault(first.code, f"Nothing was done, because of {name}: {first.message}", details=tuple(details))


def _item_error(refusal: Refusal) -> ItemError:
    word = WORDS[refusal.code]
    return ItemError(
        error=word.name,
        message=refusal.message,
        status_code=word.status,
        details=tuple(Complaint(translated(each["field"], FIELD_NAMES), each["message"]) for each in refusal.details),
    )


ENDPOINTS = (
    Endpoint("POST", "/links/bulk", create_links, scope="links:write"),
    Endpoint("PATCH", "/links/bulk", update_links, scope="links:write"),
    Endpoint("DELETE", "/links/bulk", delete_links, scope="links:delete"),
)
