"""The SQL of QR codes: one function per statement. Links are locked before their codes, and both by their ids."""

from collections.abc import Sequence

import asyncpg

from shared.contracts.links.qr_codes import CreateQrCode, Level, QrCode, Scans
from shared.contracts.modes import Mode
from shared.database import Connection


async def insert_code(tx: Connection, code_id: str, token: str, ask: CreateQrCode) -> QrCode | None:
    """None when a code of this link has the token. The link is locked, so it is there."""
    row = await tx.fetchrow(
        """
        with made as (
            insert into qr_codes (
                id, workspace, mode, link, token, title, foreground, background, error_correction, margin
            )
            values ($3, $1, $2, $4, $5, $6, $7, $8, $9, $10)
            on conflict (link, token) do nothing
            returning id, workspace, mode, link, token, title, foreground, background, error_correction, margin, scans,
                      created_at, updated_at
        )
        select made.*, links.domain, links.slug from made join links on links.id = made.link
        """,
        ask.workspace,
        ask.mode,
        code_id,
        ask.link,
        token,
        ask.title,
        ask.foreground,
        ask.background,
        ask.error_correction,
        ask.margin,
    )
    return _code(row) if row else None


async def count_codes_of_link(db: Connection, workspace: str, mode: Mode, link_id: str) -> int:
    number: int = await db.fetchval(
        "select count(*) from qr_codes where workspace = $1 and mode = $2 and link = $3", workspace, mode, link_id
    )
    return number


async def count_codes(db: Connection, workspace: str, mode: Mode) -> int:
    number: int = await db.fetchval("select count(*) from qr_codes where workspace = $1 and mode = $2", workspace, mode)
    return number


async def find_code(db: Connection, workspace: str, mode: Mode, code_id: str) -> QrCode | None:
    row = await db.fetchrow(
        """
        select code.id, code.workspace, code.mode, link, token, code.title, foreground, background, error_correction,
               margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        from qr_codes code join links on links.id = code.link
        where code.workspace = $1 and code.mode = $2 and code.id = $3
        """,
        workspace,
        mode,
        code_id,
    )
    return _code(row) if row else None


async def find_code_for_update(tx: Connection, workspace: str, mode: Mode, code_id: str) -> QrCode | None:
    """Keeps everybody else from changing the code until the transaction ends."""
    row = await tx.fetchrow(
        """
        select code.id, code.workspace, code.mode, link, token, code.title, foreground, background, error_correction,
               margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        from qr_codes code join links on links.id = code.link
        where code.workspace = $1 and code.mode = $2 and code.id = $3
        for update of code
        """,
        workspace,
        mode,
        code_id,
    )
    return _code(row) if row else None


async def list_codes(db: Connection, workspace: str, mode: Mode, limit: int, offset: int) -> tuple[QrCode, ...]:
    """Newest first."""
    rows = await db.fetch(
        """
        select code.id, code.workspace, code.mode, link, token, code.title, foreground, background, error_correction,
               margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        from qr_codes code join links on links.id = code.link
        where code.workspace = $1 and code.mode = $2
        order by code.id desc limit $3 offset $4
        """,
        workspace,
        mode,
        limit,
        offset,
    )
    return tuple(map(_code, rows))


async def list_codes_of_link(
    db: Connection, workspace: str, mode: Mode, link_id: str, limit: int, offset: int
) -> tuple[QrCode, ...]:
    """Newest first."""
    rows = await db.fetch(
        """
        select code.id, code.workspace, code.mode, link, token, code.title, foreground, background, error_correction,
               margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        from qr_codes code join links on links.id = code.link
        where code.workspace = $1 and code.mode = $2 and code.link = $3
        order by code.id desc limit $4 offset $5
        """,
        workspace,
        mode,
        link_id,
        limit,
        offset,
    )
    return tuple(map(_code, rows))


async def update_code(tx: Connection, code: QrCode) -> QrCode:
    """Writes everything a caller may change; the code is locked."""
    row = await tx.fetchrow(
        """
        update qr_codes code
        set title = $4, foreground = $5, background = $6, error_correction = $7, margin = $8,
            updated_at = clock_timestamp()
        from links
        where code.workspace = $1 and code.mode = $2 and code.id = $3 and links.id = code.link
        returning code.id, code.workspace, code.mode, link, token, code.title, foreground, background,
                  error_correction, margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        """,
        code.workspace,
        code.mode,
        code.id,
        code.title,
        code.foreground,
        code.background,
        code.error_correction,
        code.margin,
    )
    assert row, "a locked code has gone"
    return _code(row)


async def delete_code(tx: Connection, workspace: str, mode: Mode, code_id: str) -> QrCode | None:
    """The code as it was; None when there is no such code."""
    row = await tx.fetchrow(
        """
        delete from qr_codes code using links
        where code.workspace = $1 and code.mode = $2 and code.id = $3 and links.id = code.link
        returning code.id, code.workspace, code.mode, link, token, code.title, foreground, background,
                  error_correction, margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        """,
        workspace,
        mode,
        code_id,
    )
    return _code(row) if row else None


async def lock_codes(tx: Connection, workspace: str, mode: Mode, link_ids: Sequence[str]) -> None:
    """All codes of these links, in one order, so that nobody waits in a circle. The links are locked already."""
    await tx.execute(
        """
        select from qr_codes where workspace = $1 and mode = $2 and link = any($3::text[]) order by id for update
        """,
        workspace,
        mode,
        link_ids,
    )


async def delete_codes_of_link(tx: Connection, workspace: str, mode: Mode, link_id: str) -> list[QrCode]:
    """As they were, newest first. They are locked, and so is their link."""
    rows = await tx.fetch(
        """
        with gone as (
            delete from qr_codes code using links
            where code.workspace = $1 and code.mode = $2 and code.link = $3 and links.id = code.link
            returning code.id, code.workspace, code.mode, link, token, code.title, foreground, background,
                      error_correction, margin, scans, code.created_at, code.updated_at, links.domain, links.slug
        )
        select * from gone order by id desc
        """,
        workspace,
        mode,
        link_id,
    )
    return list(map(_code, rows))


async def update_scans(tx: Connection, totals: Sequence[Scans]) -> None:
    """Totals only ever grow. The codes are locked in one order, so that two reports never wait for each other."""
    await tx.execute(
        """
        with told as (
            select id, max(scans) as scans from unnest($1::text[], $2::bigint[]) as t (id, scans) group by id
        ),
        behind as (
            select code.id, told.scans from qr_codes code join told on told.id = code.id
            where code.scans < told.scans order by code.id for no key update of code
        )
        update qr_codes code set scans = greatest(code.scans, behind.scans)
        from behind where code.id = behind.id
        """,
        [total.code for total in totals],
        [total.scans for total in totals],
    )


def _code(row: asyncpg.Record) -> QrCode:
    return QrCode(
        id=row["id"],
        workspace=row["workspace"],
        mode=Mode(row["mode"]),
        link=row["link"],
        domain=row["domain"],
        slug=row["slug"],
        token=row["token"],
        title=row["title"],
        foreground=row["foreground"],
        background=row["background"],
        error_correction=Level(row["error_correction"]),
        margin=row["margin"],
        scans=row["scans"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
