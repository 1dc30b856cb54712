"""Files of links, as other systems export them, taken into the workspace."""

import io
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from gateway.dialects.names import translated
from gateway.dialects.use.errors import FIELD_NAMES
from gateway.dialects.use.link_fields import Domain, domain_in
from gateway.endpoint import Call, Endpoint
from shared import linkfiles
from shared.contracts import links
from shared.contracts.bulk import OnConflict, Refusal, Result
from shared.faults import Code, Fault
from shared.linkfiles import Entry, Problem, UnreadableFile

MOST = 500  # links in one file

TABLE = "Short link,Destination URL,Title,Tags\nhttps://dub.sh/spring-sale,https://example.com/spring,Spring,sale\n"
LINES = '{"address": "winter-sale", "target": "https://example.com/winter", "description": "Winter"}\n'


class ImportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    format: Annotated[
        Literal["auto", "waypost", "kutt", "yourls", "shlink", "bitly", "dub", "csv"],
        Meta(description="Whose file it is; `auto` tells it by the columns.", examples=["auto"]),
    ] = "auto"
    on_conflict: Annotated[
        OnConflict,
        Meta(
            description="What becomes of a link whose short code or `externalId` is taken; `rename` gives it another "
            "short code.",
            examples=["skip"],
        ),
    ] = OnConflict.FAIL
    domain: Annotated[Domain | None, Meta(description="The host that all of them are put on, as for one link.")] = None
    dry_run: Annotated[bool, Meta(description="Try every line and keep nothing.", examples=[True])] = False


class LineError(msgspec.Struct, frozen=True, kw_only=True):
    line: Annotated[
        int,
        Meta(description="Where the link begins, from 1; in a JSON document the number of the record.", examples=[2]),
    ]
    message: Annotated[str, Meta(examples=["The short code 'spring-sale' is taken"])]
    field: Annotated[str | None, Meta(description="The field that is wrong, if it is one.", examples=["customSlug"])]


class Imported(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    format: Annotated[str, Meta(description="Whose file it was.", examples=["dub"])]
    dry_run: bool
    created: Annotated[int, Meta(ge=0, examples=[1])]
    skipped: Annotated[int, Meta(ge=0, description="Were there already, and `onConflict` was `skip`.")]
    failed: Annotated[int, Meta(ge=0)]
    errors: Annotated[tuple[LineError, ...], Meta(description="One for each line that failed.")]


async def import_links(call: Call, query: ImportQuery, body: bytes) -> Imported:
    """Takes a file of up to 500 links.

    CSV, JSON and JSON Lines are understood, as Bitly, Dub, Kutt, Shlink, YOURLS and Waypost export them, and any table
    with a column for the destination. Every line stands for itself. The age and the clicks that a file tells of a link
    go into its metadata. Like any request body, a file has at most 256 KiB, unless the operator says otherwise.
    """
    name, entries, problems = _read(body, query.format)
    errors = [LineError(line=each.line, message=each.message, field=None) for each in problems]
    items: tuple[links.Outcome, ...] = ()
    domain = domain_in(call.settings, query.domain or "")
    if entries:
        question = links.ImportLinks(
            workspace=call.workspace,
            mode=call.mode,
            links=tuple(replace(entry.link, domain=domain) for entry in entries),
            on_conflict=query.on_conflict,
            dry_run=query.dry_run,
        )
        items = (await call.write(question, timeout=call.settings.request_timeout_seconds)).items
    for entry, item in zip(entries, items, strict=True):
        if item.refusal is not None:
            errors.append(_error(entry.line, item.refusal))
    results = [item.result for item in items]
    return Imported(
        format=name,
        dry_run=query.dry_run,
        created=results.count(Result.CREATED),
        skipped=results.count(Result.SKIPPED),
        failed=len(errors),
        errors=tuple(sorted(errors, key=lambda error: error.line)),
    )


def _read(body: bytes, expected: str) -> tuple[str, list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    try:
        reading = linkfiles.open_file(io.BytesIO(body), expected)
        for each in reading:
            if isinstance(each, Entry):
                entries.append(each)
            else:
                problems.append(each)
    except UnreadableFile as error:
        raise Fault(Code.INVALID, str(error), field="body") from None
    if len(entries) + len(problems) > MOST:
        raise Fault(Code.INVALID, f"A file has at most {MOST} links; part it, or give it to the operator", field="body")
    return reading.format, entries, problems


def _error(line: int, refusal: Refusal) -> LineError:
    field = translated(refusal.details[0]["field"], FIELD_NAMES) if refusal.details else None
    return LineError(line=line, message=refusal.message, field=field)


ENDPOINTS = (
    Endpoint(
        "POST",
        "/links/import",
        import_links,
        scope="links:write",
        files={"text/csv": TABLE, "application/jsonl": LINES},
    ),
)
