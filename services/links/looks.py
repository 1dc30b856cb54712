"""What QR codes may look like: as people please, as long as scanners can read them."""

import re

from shared.contracts.links.qr_codes import TRANSPARENT, Look
from shared.faults import Code, Detail, Fault

WIDEST_MARGIN = 16
# What WCAG asks of graphics that have to be understood; a scanner needs no more than an eye.
LEAST_CONTRAST = 3.0
WHITE = "#FFFFFF"

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


def check(look: Look) -> None:
    """INVALID when something is ill-formed, naming all of it; IMPOSSIBLE when scanners could not read it."""
    wrong = []
    if not _COLOUR.fullmatch(look.foreground):
        wrong.append(Detail("foreground", "A colour is written as #RRGGBB"))
    if look.background != TRANSPARENT and not _COLOUR.fullmatch(look.background):
        wrong.append(Detail("background", f"A background is a colour, written as #RRGGBB, or {TRANSPARENT!r}"))
    if not 0 <= look.margin <= WIDEST_MARGIN:
        wrong.append(Detail("margin", f"A margin has 0 to {WIDEST_MARGIN} modules"))
    if wrong:
        raise Fault(Code.INVALID, wrong[0]["message"], details=tuple(wrong))
    _check_contrast(look)


def spelled(colour: str) -> str:
    """A colour as it is kept."""
    return colour if colour == TRANSPARENT else colour.upper()


def _check_contrast(look: Look) -> None:
    # Whatever a transparent code is put on, it has to be readable on paper.
    background = WHITE if look.background == TRANSPARENT else look.background
    dark, light = _luminance(look.foreground), _luminance(background)
    if dark >= light:
        raise Fault(Code.IMPOSSIBLE, "The foreground has to be darker than the background", field="foreground")
    contrast = (light + 0.05) / (dark + 0.05)
    if contrast < LEAST_CONTRAST:
        message = f"Scanners could not tell these colours apart: a contrast of {contrast:.1f}, not {LEAST_CONTRAST}"
        raise Fault(Code.IMPOSSIBLE, message, field="foreground")


def _luminance(colour: str) -> float:
    """By the formula of WCAG 2: from 0 for black to 1 for white."""
    red, green, blue = (_linear(channel / 255) for channel in bytes.fromhex(colour[1:]))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
