"""QR codes as this API reads and writes them."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.dialects.use.ids import LINK, QR_CODE, LinkId, QrCodeId
from gateway.dialects.use.link_fields import Title
from gateway.wire import moment
from shared.contracts.links import qr_codes
from shared.contracts.links.qr_codes import PARAMETER, Level
from shared.contracts.modes import Mode
from shared.settings import Settings
from shared.short_urls import short_url

Foreground = Annotated[
    str,
    Meta(
        description="Colour of the dark modules, `#RRGGBB`. It has to be darker than the background, with a contrast "
        "of 3 at least.",
        examples=["#1B2A49"],
    ),
]
Background = Annotated[
    str,
    Meta(description="Colour of what is behind them, `#RRGGBB` or `transparent`.", examples=["#FFFFFF"]),
]
ErrorCorrection = Annotated[
    Level,
    Meta(
        description="How much of the picture may be lost, at least: `L` 7 %, `M` 15 %, `Q` 25 %, `H` 30 %.",
        examples=["M"],
    ),
]
Margin = Annotated[
    int,
    Meta(
        ge=0,
        le=16,
        description="Blank modules on each side. Scanners are promised four; with fewer, leave room around the code.",
        examples=[4],
    ),
]


class NewQrCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    link_id: LinkId
    title: Title | None = None
    foreground: Foreground = "#000000"
    background: Background = "#FFFFFF"
    error_correction: ErrorCorrection = Level.M
    margin: Margin = 4


class QrCodeChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is given is changed; `null` clears the title."""

    title: Title | None | UnsetType = UNSET
    foreground: Foreground | UnsetType = UNSET
    background: Background | UnsetType = UNSET
    error_correction: ErrorCorrection | UnsetType = UNSET
    margin: Margin | UnsetType = UNSET


class QrCodeBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: QrCodeId
    link_id: LinkId
    title: Title | None
    url: Annotated[
        str,
        Meta(
            description="What is encoded: the short link, with a word by which scans are told from other clicks. It "
            "changes with the short code of the link, and only then.",
            examples=["https://go.example/summer-sale?qr=7hQ2kX"],
        ),
    ]
    scans: Annotated[int, Meta(ge=0, description="Scans by people since the code exists.", examples=[0])]
    foreground: Foreground
    background: Background
    error_correction: ErrorCorrection
    margin: Margin
    image_url: Annotated[
        str,
        Meta(
            description="Where the picture is, for a key that may read it.",
            examples=["https://go.example/api/use/qr/qr_02FvM8kQ7yZtLw3RbXc5Na/image"],
        ),
    ]
    mode: Annotated[Mode, Meta(description="Of the key that made it.", examples=["live"])]
    created_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]
    updated_at: Annotated[str, Meta(examples=["2026-01-31T09:05:00.123Z"])]


def body_of(settings: Settings, code: qr_codes.QrCode) -> QrCodeBody:
    return QrCodeBody(
        id=QR_CODE + code.id,
        link_id=LINK + code.link,
        title=code.title,
        url=url_of(settings, code),
        scans=code.scans,
        foreground=code.foreground,
        background=code.background,
        error_correction=code.error_correction,
        margin=code.margin,
        image_url=f"{settings.public_url}/api/use/qr/{QR_CODE}{code.id}/image",
        mode=code.mode,
        created_at=moment(code.created_at),
        updated_at=moment(code.updated_at),
    )


def url_of(settings: Settings, code: qr_codes.QrCode) -> str:
    return f"{short_url(settings.public_url, code.domain, code.slug)}?{PARAMETER}={code.token}"
