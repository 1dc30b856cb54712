"""QR codes, as they were when something happened to them."""

import msgspec

from services.webhooks.bodies.form import LINK, QR_CODE, encode, moment
from shared.contracts.links.qr_codes import PARAMETER, Level, QrCode
from shared.contracts.modes import Mode
from shared.short_urls import short_url


class QrCodeData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    link_id: str
    title: str | None
    url: str
    scans: int
    foreground: str
    background: str
    error_correction: Level
    margin: int
    image_url: str
    mode: Mode
    created_at: str
    updated_at: str


def of_qr_code(code: QrCode, public_url: str) -> bytes:
    return encode(
        QrCodeData(
            id=QR_CODE + code.id,
            link_id=LINK + code.link,
            title=code.title,
            url=f"{short_url(public_url, code.domain, code.slug)}?{PARAMETER}={code.token}",
            scans=code.scans,
            foreground=code.foreground,
            background=code.background,
            error_correction=code.error_correction,
            margin=code.margin,
            image_url=f"{public_url}/api/use/qr/{QR_CODE}{code.id}/image",
            mode=code.mode,
            created_at=moment(code.created_at),
            updated_at=moment(code.updated_at),
        )
    )
