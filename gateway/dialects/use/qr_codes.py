"""QR codes of short links, and their pictures."""

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from gateway.dialects.names import bare
from gateway.dialects.use.ids import LINK, QR_CODE, LinkId, QrCodeId
from gateway.dialects.use.paging import Page, PageQuery, paged
from gateway.dialects.use.qr_fields import NewQrCode, QrCodeBody, QrCodeChanges, body_of, url_of
from gateway.endpoint import Call, Endpoint
from gateway.files import File, etag_of, is_known
from shared.contracts.links import qr_codes
from shared.contracts.links.qr_codes import Format

MEDIA = {Format.SVG: "image/svg+xml", Format.PNG: "image/png"}
DRAWN = 1  # another number whenever the same code comes to be drawn differently


class QrCodesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    link_id: Annotated[LinkId | None, Meta(description="Only codes of this link.")] = None


class ImageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[Format, Meta(examples=["png"])] = Format.SVG
    size: Annotated[
        int,
        Meta(
            ge=16,
            le=8_192,
            description="Pixels in each direction, up to 4,096 unless the operator says otherwise. What does not "
            "divide into whole modules goes to the margin.",
            examples=[1024],
        ),
    ] = 512


async def list_qr_codes(call: Call, query: QrCodesQuery) -> Page[QrCodeBody]:
    """Your QR codes, newest first."""
    found = await call.ask(
        qr_codes.ListQrCodes(
            workspace=call.workspace,
            mode=call.mode,
            link=None if query.link_id is None else bare(LINK, query.link_id),
            limit=query.size,
            offset=query.offset,
        )
    )
    return paged([body_of(call.settings, code) for code in found.codes], found.total, query)


async def create_qr_code(call: Call, body: NewQrCode) -> QrCodeBody:
    """Makes a QR code for a link.

    A link can have several, such as one for each poster: each counts its own scans.
    """
    given = asdict(body)
    link = bare(LINK, given.pop("link_id"))
    made = await call.write(qr_codes.CreateQrCode(workspace=call.workspace, mode=call.mode, link=link, **given))
    return body_of(call.settings, made)


async def get_qr_code(call: Call) -> QrCodeBody:
    """One of your QR codes, and how often it was scanned."""
    return body_of(call.settings, await _find(call))


async def update_qr_code(call: Call, body: QrCodeChanges) -> QrCodeBody:
    """Changes the fields that are given and leaves the others. Printed codes go on working."""
    changed = await call.write(
        qr_codes.UpdateQrCode(workspace=call.workspace, mode=call.mode, id=_id(call), **asdict(body))
    )
    return body_of(call.settings, changed)


async def delete_qr_code(call: Call) -> None:
    """Removes a QR code for good.

    Where it is printed, it still leads on as long as its link does; it is no longer counted as a scan.
    """
    await call.write(qr_codes.DeleteQrCode(workspace=call.workspace, mode=call.mode, id=_id(call)))


async def get_qr_code_image(call: Call, query: ImageQuery) -> File:
    """The picture of a QR code, as SVG or PNG."""
    code = await _find(call)
    text, look = url_of(call.settings, code), {name: getattr(code, name) for name in qr_codes.Look.__struct_fields__}
    etag = etag_of(DRAWN, text, *look.values(), query.format, query.size)
    data = None
    if not is_known(call.scope, etag):
        question = qr_codes.DrawQrCode(text=text, format=query.format, size=query.size, **look)
        data = (await call.ask(question)).data
    return File(media_type=MEDIA[query.format], etag=etag, data=data)


async def _find(call: Call) -> qr_codes.QrCode:
    return await call.ask(qr_codes.GetQrCode(workspace=call.workspace, mode=call.mode, id=_id(call)))


def _id(call: Call) -> str:
    return bare(QR_CODE, call.path["id"])


_ID = {"id": QrCodeId}
ENDPOINTS = (
    Endpoint("GET", "/qr", list_qr_codes, scope="qr:read"),
    Endpoint("POST", "/qr", create_qr_code, scope="qr:write", status=201),
    Endpoint("GET", "/qr/{id}", get_qr_code, scope="qr:read", parts=_ID),
    Endpoint("PATCH", "/qr/{id}", update_qr_code, scope="qr:write", parts=_ID),
    Endpoint("DELETE", "/qr/{id}", delete_qr_code, scope="qr:delete", status=204, parts=_ID),
    Endpoint(
        "GET", "/qr/{id}/image", get_qr_code_image, scope="qr:read", parts=_ID, media=tuple(map(str, MEDIA.values()))
    ),
)
