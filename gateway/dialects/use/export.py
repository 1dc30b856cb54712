"""All links as a file that is written while it is read: however many they are, a page of them is in memory."""

import csv
import io
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.dialects.use.link_fields import LinkBody, body_of
from gateway.dialects.use.links import SHELVES, Archive, OnDomain, Search, Tag, host_of
from gateway.endpoint import Call, Endpoint
from gateway.streaming import Stream
from shared import context
from shared.contracts import links
from shared.contracts.links import Status

PAGE = 100
CSV, JSONL = "text/csv", "application/jsonl"
# What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
SEPARATORS = frozenset(',;|["')  # of the tags in a cell, for whoever reads the file
COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(LinkBody))


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[
        Literal["csv", "jsonl"],
        Meta(
            description="A table, or a JSON object on each line. In a table, tags are parted by commas, or are a JSON "
            "array if one of them holds a comma; a text that a spreadsheet would take for a formula begins with an "
            "apostrophe.",
            examples=["jsonl"],
        ),
    ] = "csv"
    search: Search | None = None
    status: Annotated[Status | None, Meta(examples=["active"])] = None
    tag: Tag | None = None
    archived: Annotated[Archive | None, Meta(description="Without it: `all`.")] = None
    domain: OnDomain | None = None


async def export_links(call: Call, query: ExportQuery) -> Stream:
    """Your links as a file, oldest first.

    Each link that is there from the beginning to the end comes exactly once. A file that is not whole ends in a broken
    connection.
    """
    if query.format == "csv":
        return Stream(f"{CSV}; charset=utf-8", _table(call, query))
    return Stream(JSONL, _lines(call, query))


async def _table(call: Call, query: ExportQuery) -> AsyncGenerator[bytes, None]:
    head = _rows([COLUMNS])
    async for page in _pages(call, query):
        yield head + _rows([_cells(body) for body in page])
        head = b""


async def _lines(call: Call, query: ExportQuery) -> AsyncGenerator[bytes, None]:
    async for page in _pages(call, query):
        yield msgspec.json.Encoder().encode_lines(page)


async def _pages(call: Call, query: ExportQuery) -> AsyncGenerator[list[LinkBody], None]:
    """At least one, which may be empty."""
    after: str | None = None
    while True:
        # A file may take much longer than other requests may; none of its pages may.
        context.deadline.set(time.time() + call.settings.request_timeout_seconds)
        page = await call.ask(
            links.ExportLinks(
                workspace=call.workspace,
                mode=call.mode,
                after=after,
                search=query.search,
                status=query.status,
                tag=query.tag,
                archived=SHELVES[query.archived or "all"],
                domain=host_of(call, query.domain),
                limit=PAGE,
            )
        )
        yield [body_of(call, link) for link in page.links]
        after = page.after
        if after is None:
            return


def _rows(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(body: LinkBody) -> tuple[str, ...]:
    return tuple(_cell(value) for value in msgspec.to_builtins(body).values())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, tuple | list):
        plain = not any(set(each) & SEPARATORS for each in value)
        return _cell(",".join(value)) if plain else msgspec.json.encode(value).decode()
    return msgspec.json.encode(value).decode()


ENDPOINTS = (Endpoint("GET", "/links/export", export_links, scope="links:read", media=(CSV, JSONL)),)
