"""Pages of a list: which one is asked for, and the envelope it comes in."""

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

PER_PAGE = 20
LAST_PAGE = 10_000_000

Size = Literal[10, 20, 50, 100]


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    page: Annotated[int, Meta(ge=1, le=LAST_PAGE, description="Number of the page, from 1.", examples=[1])] = 1
    limit: Annotated[Size | None, Meta(description="Results per page; 20 without it.", examples=[20])] = None
    per_page: Annotated[Size | None, Meta(description="Another name of `limit`, which wins if both are given.")] = None

    @property
    def size(self) -> int:
        return self.limit or self.per_page or PER_PAGE

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    data: Annotated[Sequence[T], Meta(description="What is on this page.")]
    total: Annotated[int, Meta(ge=0, description="All that match, on all pages.", examples=[243])]
    page: Annotated[int, Meta(ge=1, description="Number of this page.", examples=[1])]
    per_page: Annotated[int, Meta(description="Most results on a page.", examples=[20])]
    has_more: Annotated[bool, Meta(description="Are there pages after this one?", examples=[True])]


def paged(data: Sequence[T], total: int, query: PageQuery) -> Page[T]:
    return Page(
        data=data,
        total=total,
        page=query.page,
        per_page=query.size,
        has_more=query.offset + len(data) < total,
    )
