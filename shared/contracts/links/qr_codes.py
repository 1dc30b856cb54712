"""QR codes: pictures of a short link, each with a token by which its scans are told apart from other clicks."""

from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from shared.contracts.ask import Ask, Event
from shared.contracts.links import Link
from shared.contracts.modes import Mode

TRANSPARENT = "transparent"
PARAMETER = "qr"  # of the query that a code adds to its short link


class Level(StrEnum):
    """How much of a picture may be lost: about 7, 15, 25 or 30 per cent."""

    L = "L"
    M = "M"
    Q = "Q"
    H = "H"


class Format(StrEnum):
    SVG = "svg"
    PNG = "png"


class Look(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a code looks like. The foreground is the darker one."""

    foreground: str = "#000000"
    background: str = "#FFFFFF"  # or `TRANSPARENT`
    error_correction: Level = Level.M
    margin: int = 4  # modules on each side, 0–16; four are what scanners are promised


class QrCode(Look, frozen=True, kw_only=True):
    id: str
    workspace: str
    mode: Mode
    link: str
    domain: str  # of the link, as its slug
    slug: str
    token: str
    title: str | None = None
    scans: int = 0  # by people, as analytics counts them
    created_at: datetime
    updated_at: datetime


class QrCodePage(msgspec.Struct, frozen=True, kw_only=True):
    codes: tuple[QrCode, ...]
    total: int


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    data: bytes


class Scans(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    scans: int  # since the code exists


class CreateQrCode(Look, Ask[QrCode], frozen=True, kw_only=True):
    """IMPOSSIBLE when there is no such link, when it has as many codes as a link may have, or when scanners could not
    tell the two colours apart."""

    workspace: str
    mode: Mode
    link: str
    title: str | None = None


class GetQrCode(Ask[QrCode], frozen=True, kw_only=True):
    workspace: str
    mode: Mode
    id: str


class ListQrCodes(Ask[QrCodePage], frozen=True, kw_only=True):
    """Newest first; those of one link, if it is given."""

    workspace: str
    mode: Mode
    link: str | None = None
    limit: int = 20  # 1–100
    offset: int = 0


class UpdateQrCode(Ask[QrCode], frozen=True, kw_only=True):
    """Changes what is given and leaves the rest; None clears the title. What is encoded stays, so codes that were
    printed before go on counting."""

    workspace: str
    mode: Mode
    id: str
    title: str | None | UnsetType = UNSET
    foreground: str | UnsetType = UNSET
    background: str | UnsetType = UNSET
    error_correction: Level | UnsetType = UNSET
    margin: int | UnsetType = UNSET


class DeleteQrCode(Ask[None], frozen=True, kw_only=True):
    """Printed, it still leads on; nobody counts that as a scan any more."""

    workspace: str
    mode: Mode
    id: str


class DrawQrCode(Look, Ask[Picture], frozen=True, kw_only=True):
    """The picture of a text, exactly ``size`` pixels wide and high. IMPOSSIBLE when that is less than a pixel for each
    module, or when the text is too long for any code."""

    text: str
    format: Format
    size: int  # up to a setting


class RecordScans(Ask[None], frozen=True, kw_only=True):
    """Absolute totals from analytics: hearing one twice, or an old one late, does no harm."""

    totals: tuple[Scans, ...]


class QrCodeCreated(Event, frozen=True, kw_only=True):
    code: QrCode
    link: Link


class QrCodeDeleted(Event, frozen=True, kw_only=True):
    """By itself, or with its link."""

    code: QrCode
    link: Link
