"""How a theme looks in a layout: its palettes as CSS variables, and the rules that this page needs."""

from functools import lru_cache
from pathlib import Path

from gateway.pages.page import Sheet, sheet
from shared.contracts.profile import Layout, Palette, Theme

_CSS = {path.stem: path.read_text() for path in (Path(__file__).parent / "css").glob("*.css")}

# How much of the first colour is in a mixture. Text stays readable on all three; a test looks at every theme.
TINT = 0.12  # accent in the ground of the page
SOFT = 0.14  # accent in the surface of a button
LINE = 0.16  # text in the ground, for hairlines


@lru_cache(maxsize=512)
def look(theme: Theme, layout: Layout) -> Sheet:
    """The style sheet of a page; made once for each pair."""
    return sheet(
        f":root{{color-scheme:light dark;--font:{theme.font};--heading-font:{theme.heading_font};"
        f"{_variables(theme.light)}}}",
        f"@media (prefers-color-scheme:dark){{:root{{{_variables(theme.dark)}}}}}",
        _CSS["base"],
        _CSS[f"button-{theme.button}"],
        _CSS[f"layout-{layout}"],
        _CSS["modes"],
    )


def mix(first: str, second: str, share: float) -> str:
    """`share` of the colour `first` in `second`, both "#rrggbb", mixed in sRGB as browsers do."""
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + bytes(round(a * share + b * (1 - share)) for a, b in pairs).hex()


def _variables(palette: Palette) -> str:
    colours = {
        "background": palette.background,
        "surface": palette.surface,
        "text": palette.text,
        "muted": palette.muted,
        "accent": palette.accent,
        "on-accent": palette.on_accent,
        "tint": mix(palette.accent, palette.background, TINT),
        "soft": mix(palette.accent, palette.surface, SOFT),
        "line": mix(palette.text, palette.background, LINE),
    }
    return ";".join(f"--{name}:{value}" for name, value in colours.items())
