"""Questions about QR codes."""

import secrets
from typing import TypeVar

import msgspec
from msgspec import UNSET

from services.links import fields, looks, store, store_qr_codes
from services.links.drawing import Easel
from shared import ids, outbox
from shared.contracts.links.qr_codes import (
    CreateQrCode,
    DeleteQrCode,
    DrawQrCode,
    GetQrCode,
    ListQrCodes,
    Look,
    Picture,
    QrCode,
    QrCodeCreated,
    QrCodeDeleted,
    QrCodePage,
    RecordScans,
    UpdateQrCode,
)
from shared.database import Connection
from shared.faults import Code, Fault
from shared.service import Service

# The shorter the text, the coarser the picture. Nobody has to guess a token to follow the link.
TOKEN_LENGTH = 6
TOKEN_TRIES = 5
PAGE_LENGTH = 100
LAST_OFFSET = 1_000_000_000
TOTALS = 10_000  # in one report

_LOOK = frozenset(Look.__struct_fields__)

L = TypeVar("L", bound=Look)

_easel = Easel()


async def create_qr_code(service: Service, ask: CreateQrCode) -> QrCode:
    ask = _checked(ask)
    if ask.title is not None:
        fields.title(ask.title)
    async with service.transaction() as tx:
        return await _create(tx, ask, service.settings.qr_codes_per_link)


async def get_qr_code(db: Connection, ask: GetQrCode) -> QrCode:
    code = await store_qr_codes.find_code(db, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if code is None:
        raise _absent()
    return code


async def list_qr_codes(db: Connection, ask: ListQrCodes) -> QrCodePage:
    if not 1 <= ask.limit <= PAGE_LENGTH:
        raise Fault(Code.INVALID, f"A page has 1 to {PAGE_LENGTH} QR codes", field="limit")
    if not 0 <= ask.offset <= LAST_OFFSET:
        raise Fault(Code.INVALID, f"An offset is between 0 and {LAST_OFFSET:,}", field="offset")
    if ask.link is None:
        codes = await store_qr_codes.list_codes(db, ask.workspace, ask.mode, ask.limit, ask.offset)
        return QrCodePage(codes=codes, total=await store_qr_codes.count_codes(db, ask.workspace, ask.mode))
    if not ids.valid(ask.link):
        return QrCodePage(codes=(), total=0)
    codes = await store_qr_codes.list_codes_of_link(db, ask.workspace, ask.mode, ask.link, ask.limit, ask.offset)
    return QrCodePage(
        codes=codes, total=await store_qr_codes.count_codes_of_link(db, ask.workspace, ask.mode, ask.link)
    )


async def update_qr_code(tx: Connection, ask: UpdateQrCode) -> QrCode:
    before = (
        await store_qr_codes.find_code_for_update(tx, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    )
    if before is None:
        raise _absent()
    if isinstance(ask.title, str):
        fields.title(ask.title)
    given = {name: value for name, value in msgspec.structs.asdict(ask).items() if value is not UNSET}
    changes = {name: value for name, value in given.items() if name in _LOOK or name == "title"}
    return await store_qr_codes.update_code(tx, _checked(msgspec.structs.replace(before, **changes)))


async def delete_qr_code(tx: Connection, ask: DeleteQrCode) -> None:
    code = await store_qr_codes.delete_code(tx, ask.workspace, ask.mode, ask.id) if ids.valid(ask.id) else None
    if code is None:
        raise _absent()
    link = await store.find_link(tx, ask.workspace, ask.mode, code.link)
    assert link, "whoever deletes a link deletes its codes first"
    await outbox.tell(tx, QrCodeDeleted(code=code, link=link))


async def draw_qr_code(service: Service, ask: DrawQrCode) -> Picture:
    settings = service.settings
    if not ask.text:
        raise Fault(Code.INVALID, "There is nothing to draw", field="text")
    if not 1 <= ask.size <= settings.qr_image_pixels:
        raise Fault(Code.INVALID, f"A picture is up to {settings.qr_image_pixels:,} pixels wide", field="size")
    return Picture(data=await _easel.draw(_checked(ask), most_waiting=settings.qr_images_waiting))


async def record_scans(tx: Connection, ask: RecordScans) -> None:
    if len(ask.totals) > TOTALS:
        raise Fault(Code.INVALID, f"A report has at most {TOTALS:,} totals", field="totals")
    await store_qr_codes.update_scans(tx, ask.totals)


async def _create(tx: Connection, ask: CreateQrCode, most: int) -> QrCode:
    # Locked, the link can neither go nor get another code meanwhile.
    link = await store.find_link_for_update(tx, ask.workspace, ask.mode, ask.link) if ids.valid(ask.link) else None
    if link is None:
        raise Fault(Code.IMPOSSIBLE, "There is no such link", field="link")
    if await store_qr_codes.count_codes_of_link(tx, ask.workspace, ask.mode, link.id) >= most:
        raise Fault(Code.IMPOSSIBLE, f"A link has at most {most} QR codes", field="link")
    for _ in range(TOKEN_TRIES):
        token = ids.base62(secrets.randbelow(62**TOKEN_LENGTH), TOKEN_LENGTH)
        code = await store_qr_codes.insert_code(tx, ids.new(), token, ask)
        if code is not None:
            await outbox.tell(tx, QrCodeCreated(code=code, link=link))
            return code
    raise Fault(Code.UNAVAILABLE, "No free token was found; please try again")


def _checked(look: L) -> L:
    looks.check(look)
    return msgspec.structs.replace(
        look, foreground=looks.spelled(look.foreground), background=looks.spelled(look.background)
    )


# Absent and foreign look the same from outside, so ids cannot be guessed at.
def _absent() -> Fault:
    return Fault(Code.NOT_FOUND, "There is no such QR code")
